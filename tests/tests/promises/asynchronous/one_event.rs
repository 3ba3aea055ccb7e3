//! P16: all targets of one write take effect together.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use cache_core::{Cache, EntryOptions, HasCache, TaggedCache, cached_query, invalidates};

use super::mode::block_on;

#[derive(HasCache, Default)]
struct Repo {
    row: AtomicU64,
    /// The number of the last write that has returned.
    written: AtomicU64,
    #[cache]
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "1h", tags("inner"))]
    async fn inner(&self, id: u32) -> u64 {
        let _ = id;
        self.row.load(Ordering::SeqCst)
    }

    #[cached_query(ttl = "1h", tags("outer"))]
    async fn outer(&self, id: u32) -> u64 {
        self.inner(id).await
    }

    #[invalidates("outer", "inner")]
    async fn names_from_outside(&self) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }

    #[invalidates("inner", "outer")]
    async fn names_from_inside(&self) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }

    #[invalidates(outer(id), inner(id))]
    async fn keys_from_outside(&self, id: u32) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }

    #[invalidates(inner(id), outer(id))]
    async fn keys_from_inside(&self, id: u32) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }

    #[invalidates(tags("outer"), inner(id))]
    async fn a_tag_and_a_key(&self, id: u32) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }

    fn run_time_names(&self) {
        self.row.fetch_add(1, Ordering::SeqCst);
        self.cache.invalidate(["outer", "inner"]);
    }
}

/// One thread writes, others read without pause. A reader sees at least what had been written before its call.
fn assert_never_stale(write: impl Fn(&Repo) + Sync) {
    const WRITES: u64 = 20_000;
    let (repo, over, stale) = (Repo::default(), AtomicBool::new(false), AtomicU64::new(0));
    let look = || {
        let floor = repo.written.load(Ordering::SeqCst);
        let (outer, inner) = (block_on(repo.outer(1)), block_on(repo.inner(1)));
        if outer < floor || inner < floor {
            stale.fetch_add(1, Ordering::SeqCst);
        }
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    look();
                }
            });
        }
        for number in 1..=WRITES {
            write(&repo);
            repo.written.store(number, Ordering::SeqCst);
            look();
        }
        over.store(true, Ordering::SeqCst);
    });
    assert_eq!(stale.into_inner(), 0, "stale answers, in {WRITES} writes");
    repo.cache.check_invariants();
}

#[test]
fn p16_two_names_while_others_read() {
    assert_never_stale(|repo| block_on(repo.names_from_outside()));
    assert_never_stale(|repo| block_on(repo.names_from_inside()));
}

#[test]
fn p16_two_keys_while_others_read() {
    assert_never_stale(|repo| block_on(repo.keys_from_outside(1)));
    assert_never_stale(|repo| block_on(repo.keys_from_inside(1)));
}

#[test]
fn p16_a_tag_and_a_key_while_others_read() {
    assert_never_stale(|repo| block_on(repo.a_tag_and_a_key(1)));
}

#[test]
fn p16_run_time_names_while_others_read() {
    assert_never_stale(Repo::run_time_names);
}

/// A name whose `as_ref` reads the cache: the only user code that runs in a write.
struct Name<'a>(&'static str, &'a dyn Fn());

impl AsRef<str> for Name<'_> {
    fn as_ref(&self) -> &str {
        (self.1)();
        self.0
    }
}

/// How many of two entries are cached, each time that a name is read or taken from the iterator.
fn seen_during(
    count: impl Fn() -> usize,
    names: [&'static str; 2],
    invalidate: impl FnOnce(&mut dyn Iterator<Item = Name>),
) {
    let seen = Mutex::new(Vec::new());
    let look = || seen.lock().unwrap().push(count());
    assert_eq!(count(), 2);
    let mut names = names.into_iter().inspect(|_| look()).map(|name| Name(name, &look));
    invalidate(&mut names);
    assert_eq!(count(), 0);
    let seen = seen.lock().unwrap();
    assert!(!seen.contains(&1), "one of the two targets took effect before the other: {seen:?}");
}

#[test]
fn p16_names_at_run_time_take_effect_together() {
    let repo = Repo::default();
    for names in [["inner", "outer"], ["outer", "inner"]] {
        block_on(repo.outer(1));
        seen_during(|| repo.cache.len(), names, |names| repo.cache.invalidate(names));
        block_on(repo.outer(1));
        seen_during(|| repo.cache.len(), names, |names| repo.cache.invalidate_tags(names));
    }
}

#[test]
fn p16_tags_take_effect_together() {
    for scope in [None, Some("s")] {
        let root = TaggedCache::<u32, u32>::new();
        let cache = scope.map_or_else(|| root.clone(), |scope| root.scope(scope));
        for names in [["a", "b"], ["b", "a"]] {
            cache.insert_with(1, 1, EntryOptions::new().tag("a"));
            cache.insert_with(2, 2, EntryOptions::new().tag("b"));
            seen_during(|| cache.len(), names, |names| cache.invalidate_tags(names));
        }
    }
}

#[derive(Clone)]
struct Witness(#[expect(dead_code, reason = "only its drop matters")] Arc<Looks>);

struct Looks {
    cache: Cache,
    seen: Arc<Mutex<Vec<usize>>>,
}

impl Drop for Looks {
    fn drop(&mut self) {
        let live = self.cache.len();
        self.seen.lock().unwrap().push(live);
    }
}

#[derive(HasCache, Default)]
struct Witnesses {
    seen: Arc<Mutex<Vec<usize>>>,
    #[cache]
    cache: Cache,
}

impl Witnesses {
    #[cached_query(tags("witness"))]
    async fn get(&self, id: u32) -> Witness {
        let _ = id;
        Witness(Arc::new(Looks { cache: self.cache.clone(), seen: self.seen.clone() }))
    }

    #[cached_query]
    async fn list(&self) -> u32 {
        0
    }

    #[invalidates(get(id), get(id + 1), "list")]
    async fn keys_first(&self, id: u32) {}

    #[invalidates("list", get(id + 1), get(id))]
    async fn keys_last(&self, id: u32) {}

    #[invalidates(get(id), tags("witness"), list())]
    async fn key_tag_key(&self, id: u32) {}

    async fn assert_all_together(write: impl AsyncFn(&Self)) {
        let this = Self::default();
        for id in 1..=2 {
            this.get(id).await;
        }
        this.list().await;
        assert_eq!((this.cache.len(), this.seen.lock().unwrap().len()), (3, 0));
        write(&this).await;
        assert_eq!(this.cache.len(), 0);
        let seen = this.seen.lock().unwrap();
        assert!(
            seen.iter().all(|&live| live == 0),
            "a target had not taken effect when a value of another was dropped: {seen:?}"
        );
        drop(seen);
        this.cache.purge();
        assert_eq!(this.seen.lock().unwrap().len(), 2);
    }
}

#[test]
fn p16_targets_of_an_attribute_take_effect_together() {
    block_on(async {
        Witnesses::assert_all_together(async |this: &Witnesses| this.keys_first(1).await).await;
        Witnesses::assert_all_together(async |this: &Witnesses| this.keys_last(1).await).await;
        Witnesses::assert_all_together(async |this: &Witnesses| this.key_tag_key(1).await).await;
    });
}
