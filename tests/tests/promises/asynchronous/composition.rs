//! P15 and P1: a load depends on what its body reads through other cached queries. An invalidation that names only the
//! inner query invalidates the outer one too.

use std::sync::atomic::{AtomicU32, Ordering};

use cache_core::{Cache, HasCache, cached_query, invalidates};

use super::mode::block_on;

/// The database: one number per row.
#[derive(HasCache)]
struct Repo {
    rows: [AtomicU32; 3],
    bodies: AtomicU32,
    #[cache]
    cache: Cache,
    root: Cache,
}

impl Repo {
    fn new() -> Self {
        Self::with(&Cache::new(), None)
    }

    fn with(root: &Cache, scope: Option<&str>) -> Self {
        let cache = scope.map_or_else(|| root.clone(), |scope| root.scope(scope));
        Self { rows: Default::default(), bodies: AtomicU32::new(0), cache, root: root.clone() }
    }

    fn row(&self, id: usize) -> u32 {
        self.rows[id].load(Ordering::SeqCst)
    }

    #[cached_query(ttl = "1h", tags("row:{id}"), tags_from = |row| [format!("value:{row}")])]
    async fn inner(&self, id: usize) -> u32 {
        self.row(id)
    }

    #[cached_query(ttl = "1h")]
    async fn unrelated(&self, id: usize) -> u32 {
        self.row(id)
    }

    #[cached_query(ttl = "1h", tags("outer:{id}"))]
    async fn outer(&self, id: usize) -> u32 {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        self.inner(id).await
    }

    #[cached_query(ttl = "1h", name = "all the way up")]
    async fn top(&self, id: usize) -> u32 {
        self.outer(id).await
    }

    #[cached_query(ttl = "1h")]
    async fn sum(&self) -> u32 {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        self.inner(0).await + self.inner(1).await
    }

    #[invalidates("inner")]
    async fn write_by_name(&self, id: usize) {
        self.rows[id].fetch_add(1, Ordering::SeqCst);
    }

    #[invalidates(inner(id))]
    async fn write_by_key(&self, id: usize) {
        self.rows[id].fetch_add(1, Ordering::SeqCst);
    }

    #[invalidates(tags("row:{id}"))]
    async fn write_by_tag(&self, id: usize) {
        self.rows[id].fetch_add(1, Ordering::SeqCst);
    }

    #[invalidates(|row| inner(row.0))]
    async fn write_by_result(&self, id: usize) -> (usize,) {
        self.rows[id].fetch_add(1, Ordering::SeqCst);
        (id,)
    }

    fn write(&self, id: usize, invalidate: impl FnOnce(u32)) {
        invalidate(self.rows[id].fetch_add(1, Ordering::SeqCst));
    }
}

/// With the inner query cached, and without.
async fn assert_invalidated(repo: &Repo, write: impl AsyncFn(&Repo)) {
    for warm in [false, true] {
        if warm {
            repo.inner(1).await;
        }
        let before = repo.row(1);
        assert_eq!((repo.top(1).await, repo.outer(1).await, repo.sum().await), (before, before, before + repo.row(0)));
        write(repo).await;
        let after = repo.row(1);
        assert_ne!(before, after, "it writes");
        assert_eq!(repo.inner(1).await, after, "the inner query was named");
        assert_eq!(repo.top(1).await, after, "two levels up, {warm}");
        assert_eq!(repo.outer(1).await, after, "one level up, {warm}");
        assert_eq!(repo.sum().await, after + repo.row(0), "one of two that were read, {warm}");
    }
    repo.cache.check_invariants();
}

#[test]
fn p15_an_outer_query_is_invalidated_by_the_name_of_the_inner_one() {
    block_on(async {
        assert_invalidated(&Repo::new(), async |repo: &Repo| repo.write_by_name(1).await).await;
    });
}

#[test]
fn p15_an_outer_query_is_invalidated_by_the_key_of_the_inner_one() {
    block_on(async {
        assert_invalidated(&Repo::new(), async |repo: &Repo| repo.write_by_key(1).await).await;
        assert_invalidated(&Repo::new(), async |repo: &Repo| _ = repo.write_by_result(1).await).await;
    });
}

#[test]
fn p15_an_outer_query_is_invalidated_by_the_tags_of_the_inner_one() {
    block_on(async {
        assert_invalidated(&Repo::new(), async |repo: &Repo| repo.write_by_tag(1).await).await;
        let run_time = async |repo: &Repo| repo.write(1, |_| repo.cache.invalidate_tags(["row:1"]));
        assert_invalidated(&Repo::new(), run_time).await;
        let of_the_result =
            async |repo: &Repo| repo.write(1, |row| repo.cache.invalidate_tags([format!("value:{row}")]));
        assert_invalidated(&Repo::new(), of_the_result).await;
    });
}

#[test]
fn p15_an_outer_query_is_invalidated_by_the_run_time_name_of_the_inner_one() {
    block_on(async {
        assert_invalidated(&Repo::new(), async |repo: &Repo| repo.write(1, |_| repo.cache.invalidate(["inner"]))).await;
    });
}

#[test]
fn p15_an_outer_query_is_invalidated_with_everything() {
    block_on(async {
        assert_invalidated(&Repo::new(), async |repo: &Repo| repo.write(1, |_| repo.cache.invalidate_all())).await;
    });
}

#[test]
fn p15_an_outer_query_in_a_scope_is_invalidated_with_the_inner_one() {
    block_on(async {
        let writes: [fn(&Repo); 5] = [
            |repo| block_on(repo.write_by_key(1)),
            |repo| repo.write(1, |_| repo.cache.invalidate(["inner"])),
            |repo| repo.write(1, |_| repo.cache.invalidate_tags(["row:1"])),
            |repo| repo.write(1, |_| repo.root.invalidate(["inner"])),
            |repo| repo.write(1, |_| repo.root.invalidate_tags(["row:1"])),
        ];
        for write in writes {
            let repo = Repo::with(&Cache::new(), Some("tenant"));
            assert_invalidated(&repo, async |repo: &Repo| write(repo)).await;
        }
    });
}

/// A repository that reads another, in another scope of the same cache.
#[derive(HasCache)]
struct Across<'a> {
    cache: Cache,
    inner: &'a Repo,
}

impl Across<'_> {
    #[cached_query(ttl = "1h")]
    async fn read(&self) -> u32 {
        self.inner.inner(1).await
    }
}

#[test]
fn p15_an_outer_query_is_invalidated_with_the_scope_of_the_inner_one() {
    block_on(async {
        let root = Cache::new();
        let writes: [fn(&Repo); 4] = [
            |repo| repo.write(1, |_| repo.cache.invalidate_all()),
            |repo| repo.write(1, |_| repo.cache.invalidate(["inner"])),
            |repo| repo.write(1, |_| repo.cache.invalidate_tags(["row:1"])),
            |repo| block_on(repo.write_by_key(1)),
        ];
        for (of_inner, of_outer) in [(Some("a"), None), (Some("a"), Some("b")), (None, Some("b"))] {
            let inner = Repo::with(&root, of_inner);
            let cache = of_outer.map_or_else(|| root.clone(), |scope| root.scope(scope));
            let outer = Across { cache, inner: &inner };
            for write in writes {
                let before = inner.row(1);
                assert_eq!(outer.read().await, before);
                write(&inner);
                assert_eq!(outer.read().await, before + 1, "inner in {of_inner:?}, outer in {of_outer:?}");
            }
            root.invalidate_all();
        }
        root.check_invariants();
    });
}

/// P2: what is not named stays.
#[test]
fn p15_an_outer_query_stays_when_an_unrelated_query_is_invalidated() {
    block_on(async {
        let repo = Repo::new();
        for id in 0..3 {
            repo.outer(id).await;
            repo.unrelated(id).await;
        }
        repo.write_by_key(2).await;
        repo.write_by_tag(2).await;
        repo.cache.invalidate(["unrelated", "inne", "inner "]);
        repo.cache.invalidate_tags(["value:17", "row", "row:"]);
        repo.cache.scope("another").invalidate_all();
        repo.cache.scope("another").invalidate(["inner"]);
        repo.cache.scope("another").invalidate_tags(["row:1"]);
        let bodies = repo.bodies.load(Ordering::SeqCst);
        assert_eq!((repo.outer(0).await, repo.outer(1).await), (0, 0));
        assert_eq!(repo.bodies.load(Ordering::SeqCst), bodies, "nothing that it reads was named");
    });
}

/// Dependencies point one way.
#[test]
fn p15_an_inner_query_stays_when_the_outer_one_is_invalidated() {
    block_on(async {
        let repo = Repo::new();
        repo.top(1).await;
        repo.cache.invalidate(["outer"]);
        repo.cache.invalidate_tags(["outer:1"]);
        let loads = repo.cache.stats().loads;
        repo.inner(1).await;
        assert_eq!(repo.cache.stats().loads, loads, "the inner one was not named");
        repo.top(1).await;
        assert_eq!(repo.cache.stats().loads, loads + 2, "the outer one was, and the one above depends on it");
    });
}

/// Reads before the load, and repeated reads within it.
#[test]
fn p15_a_load_does_not_depend_on_reads_before_it() {
    block_on(async {
        let repo = Repo::new();
        repo.inner(2).await;
        repo.outer(1).await;
        repo.inner(0).await;
        repo.write_by_key(2).await;
        repo.write_by_key(0).await;
        repo.outer(1).await;
        assert_eq!(repo.bodies.load(Ordering::SeqCst), 1, "it was read outside the load");
    });
}

#[derive(HasCache, Default)]
struct Many {
    raised: AtomicU32,
    bodies: AtomicU32,
    cache: Cache,
}

impl Many {
    const KEYS: u32 = 2_000;

    #[cached_query(ttl = "1h")]
    async fn one(&self, id: u32) -> u64 {
        u64::from(id + self.raised.load(Ordering::SeqCst))
    }

    #[cached_query(ttl = "1h")]
    async fn all(&self) -> u64 {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        let mut sum = 0;
        for id in 0..Self::KEYS {
            sum += self.one(id).await;
        }
        sum
    }

    #[invalidates(one(id))]
    async fn raise(&self, id: u32) {
        self.raised.store(id, Ordering::SeqCst);
    }
}

#[test]
fn p15_an_outer_query_that_read_many_keys_is_invalidated_by_each_of_them() {
    block_on(async {
        let many = Many::default();
        for (number, id) in (0..).zip([0, 1, 2, 63, 64, 500, 1_023, 1_024, 1_998, Many::KEYS - 1]) {
            many.all().await;
            many.all().await;
            assert_eq!(many.bodies.load(Ordering::SeqCst), number + 1, "it is cached until then");
            many.raise(id).await;
            many.all().await;
            assert_eq!(many.bodies.load(Ordering::SeqCst), number + 2, "it read {id}");
            many.cache.invalidate_all();
            many.bodies.store(number + 1, Ordering::SeqCst);
        }
        many.cache.check_invariants();
    });
}
