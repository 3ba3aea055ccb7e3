//! P15: `TaggedCache` without attributes, within a body and around one, and across two caches.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cache_core::{Cache, EntryOptions, HasCache, ManualClock, TaggedCache, cached_query, invalidates};

use super::mode::block_on;

type Numbers = TaggedCache<u32, u32>;

type Read = fn(&Repo) -> u32;

#[derive(HasCache)]
struct Repo {
    row: AtomicU32,
    bodies: AtomicU32,
    read: Read,
    rows: Numbers,
    #[cache]
    cache: Cache,
}

impl Repo {
    fn new(read: Read) -> Self {
        let (row, bodies) = (AtomicU32::new(0), AtomicU32::new(0));
        Self { row, bodies, read, rows: TaggedCache::new(), cache: Cache::new() }
    }

    fn row(&self) -> u32 {
        self.row.load(Ordering::SeqCst)
    }

    #[cached_query(ttl = "1h")]
    async fn outer(&self) -> u32 {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        (self.read)(self)
    }

    #[cached_query(ttl = "1h")]
    async fn inner(&self, id: u32) -> u32 {
        self.row() + id
    }

    #[invalidates(inner(id))]
    async fn write(&self, id: u32) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }
}

fn options() -> EntryOptions {
    EntryOptions::new().tag("row").ttl(Duration::from_secs(3_600))
}

const READS: [(&str, Read); 7] = [
    ("get", |repo| repo.rows.get(&1).unwrap_or_else(|| repo.row())),
    ("get_or_load", |repo| block_on(repo.rows.get_or_load_async(&1, async || repo.row()))),
    ("get_or_load_with", |repo| block_on(repo.rows.entry(&1).with(options).or_load_async(async || repo.row()))),
    ("get_or_load_tagged", |repo| {
        block_on(
            repo.rows.entry(&1).with(options).tags_from(|row| [format!("is {row}")]).or_load_async(async || repo.row()),
        )
    }),
    ("or_try_load", |repo| {
        block_on(repo.rows.entry(&1).or_try_load_async(async || Ok::<_, ()>(repo.row()))).unwrap_or_default()
    }),
    ("an error of or_try_load", |repo| {
        block_on(repo.rows.entry(&1).or_try_load_async(async || Err(repo.row()))).unwrap_or_else(|row| row)
    }),
    ("a scope", |repo| block_on(repo.rows.scope("s").get_or_load_async(&1, async || repo.row()))),
];

/// Every way to read the row, with and without an entry that was inserted before. Without one `get` finds nothing,
/// which has a test of its own.
fn reads() -> impl Iterator<Item = ((&'static str, Read), bool)> {
    READS
        .into_iter()
        .flat_map(|read| [(read, false), (read, true)])
        .filter(|(read, inserted)| *inserted || read.0 != "get")
}

fn assert_follows(read: (&str, Read), inserted: bool, invalidate: impl Fn(&Numbers)) {
    let repo = Repo::new(read.1);
    for _ in 0..2 {
        if inserted {
            repo.rows.insert_with(1, repo.row(), options());
        }
        let before = repo.row();
        assert_eq!((block_on(repo.outer()), block_on(repo.outer())), (before, before));
        let bodies = repo.bodies.load(Ordering::SeqCst);
        repo.row.fetch_add(1, Ordering::SeqCst);
        invalidate(&repo.rows);
        assert_eq!(block_on(repo.outer()), before + 1, "{}, inserted: {inserted}", read.0);
        assert_eq!(repo.bodies.load(Ordering::SeqCst), bodies + 1);
    }
    repo.rows.check_invariants();
    repo.cache.check_invariants();
}

#[test]
fn p15_a_body_that_uses_a_cache_directly_is_invalidated_by_the_key() {
    for (read, inserted) in reads() {
        // In a scope it is another key.
        assert_follows(read, inserted, |rows| {
            rows.invalidate_key(&1);
            rows.scope("s").invalidate_key(&1);
        });
    }
}

#[test]
fn p15_a_body_that_uses_a_cache_directly_is_invalidated_with_everything() {
    for (read, inserted) in reads() {
        assert_follows(read, inserted, TaggedCache::invalidate_all);
    }
}

#[test]
fn p15_a_body_that_uses_a_cache_directly_is_invalidated_by_tag() {
    for read in [READS[0], READS[1]] {
        assert_follows(read, true, |rows| rows.invalidate_tags(["row"]));
    }
    for read in [READS[2], READS[3]] {
        for inserted in [false, true] {
            assert_follows(read, inserted, |rows| rows.invalidate_tags(["row"]));
        }
    }
    let of_the_result = |rows: &Numbers| rows.invalidate_tags(["is 0", "is 1"]);
    assert_follows(READS[3], false, of_the_result);
}

#[test]
fn p15_a_body_that_reads_a_key_is_invalidated_by_an_insert() {
    for read in [READS[0], READS[1], READS[2]] {
        let repo = Repo::new(read.1);
        repo.rows.insert(1, 10);
        assert_eq!(block_on(repo.outer()), 10);
        repo.rows.insert(1, 11);
        assert_eq!(block_on(repo.outer()), 11, "{}", read.0);
        repo.rows.insert(2, 12);
        block_on(repo.outer());
        assert_eq!(repo.bodies.load(Ordering::SeqCst), 2, "it read another key");
    }
}

#[test]
fn p15_a_body_that_found_no_entry_is_invalidated_by_an_insert() {
    let repo = Repo::new(READS[0].1);
    assert_eq!(block_on(repo.outer()), 0);
    repo.rows.insert(1, 11);
    assert_eq!(block_on(repo.outer()), 11);
}

#[test]
fn p15_a_body_that_found_no_entry_is_invalidated_with_the_key() {
    assert_follows(READS[0], false, |rows| _ = rows.invalidate_key(&1));
    assert_follows(READS[0], false, TaggedCache::invalidate_all);
}

#[test]
fn p15_a_body_that_uses_a_cache_directly_stays_when_another_key_is_invalidated() {
    for read in READS {
        let repo = Repo::new(read.1);
        block_on(repo.outer());
        repo.rows.invalidate_key(&2);
        repo.rows.insert(3, 3);
        repo.rows.invalidate_tags(["ro", "row "]);
        repo.rows.scope("t").invalidate_all();
        block_on(repo.outer());
        assert_eq!(repo.bodies.load(Ordering::SeqCst), 1, "{}", read.0);
    }
}

#[test]
fn p15_a_direct_load_that_calls_a_query_is_invalidated_with_it() {
    block_on(async {
        let repo = Repo::new(READS[0].1);
        let direct = async || repo.rows.get_or_load_async(&7, async || repo.inner(5).await).await;
        let fallible = async || {
            let load = async || Ok::<_, ()>(repo.inner(5).await);
            repo.rows.entry(&8).or_try_load_async(load).await.unwrap_or_default()
        };
        for _ in 0..2 {
            let before = repo.row() + 5;
            assert_eq!((direct().await, fallible().await), (before, before));
            repo.write(6).await;
            assert_eq!((direct().await, fallible().await), (before, before), "another key");
            repo.write(5).await;
            assert_eq!((direct().await, fallible().await), (before + 2, before + 2));
        }
        assert_eq!(repo.rows.stats().loads, 6);
    });
}

/// Their types differ.
#[test]
fn p15_a_direct_load_that_reads_another_cache_is_invalidated_with_it() {
    let (words, lengths) = (TaggedCache::<String, String>::new(), TaggedCache::<u32, usize>::new());
    let word = |text: &str| block_on(words.get_or_load_async("a", async || text.to_owned()));
    let length = |text: &str| block_on(lengths.get_or_load_async(&1, async || word(text).len()));
    assert_eq!((length("one"), length("three")), (3, 3));
    assert!(words.invalidate_key("a"));
    assert_eq!((length("three"), length("one")), (5, 5));
    words.insert("a".into(), "eleven chars".into());
    assert_eq!(length("no matter"), 12);
    words.invalidate_all();
    assert_eq!(length(""), 0);
}

#[derive(HasCache)]
struct Above<'a> {
    cache: Cache,
    below: &'a Repo,
}

impl Above<'_> {
    #[cached_query(ttl = "1h")]
    async fn above(&self) -> u32 {
        self.below.inner(1).await
    }
}

#[test]
fn p15_an_answer_of_another_cache_is_invalidated_with_it() {
    block_on(async {
        let below = Repo::new(READS[0].1);
        let above = Above { cache: Cache::new(), below: &below };
        let writes: [fn(&Repo); 3] = [
            |repo| block_on(repo.write(1)),
            |repo| {
                repo.row.fetch_add(1, Ordering::SeqCst);
                repo.cache.invalidate(["inner"]);
            },
            |repo| {
                repo.row.fetch_add(1, Ordering::SeqCst);
                repo.cache.invalidate_all();
            },
        ];
        for warm in [false, true] {
            for write in writes {
                if warm {
                    below.inner(1).await;
                }
                let before = above.above().await;
                write(&below);
                assert_eq!(above.above().await, before + 1, "warm: {warm}");
            }
        }
        above.cache.check_invariants();
    });
}

#[test]
fn p15_an_answer_of_another_cache_bounds_the_expiry() {
    block_on(async {
        let clock = ManualClock::new();
        let ten = Duration::from_secs(10);
        let mut below = Repo::new(READS[0].1);
        below.rows = TaggedCache::builder().clock(clock.clone()).default_ttl(ten).build();
        below.read = READS[1].1;
        below.cache = Cache::builder().clock(clock.clone()).build();
        assert_eq!(below.rows.get_or_load_async(&1, async || 0).await, 0);
        clock.advance(Duration::from_secs(8));
        assert_eq!(below.outer().await, 0);
        below.row.fetch_add(1, Ordering::SeqCst);
        clock.advance(Duration::from_secs(2) - Duration::from_nanos(1));
        assert_eq!((below.outer().await, below.bodies.load(Ordering::SeqCst)), (0, 1));
        clock.advance(Duration::from_nanos(1));
        assert_eq!(below.outer().await, 1, "the inner one has expired");
    });
}
