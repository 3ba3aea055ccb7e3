//! Scopes: calls and invalidations through one affect only that scope, for every kind of target.

use cache_core::{Cache, HasCache, cached_query, invalidates};

use super::mode::{block_on, pause, run};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(tags("id:{id}"))]
    async fn get(&self, id: u32) -> String {
        pause().await;
        format!("{id}")
    }

    #[cached_query(skip(loud), tags_from = |text| [text.len().to_string()])]
    async fn say(&self, text: &str, loud: bool) -> String {
        pause().await;
        if loud { text.to_uppercase() } else { text.into() }
    }

    #[invalidates(get(id))]
    async fn by_key(&self, id: u32) {}

    #[invalidates(|id| get(*id))]
    async fn by_result(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(|()| get(0))]
    async fn without_result(&self, id: u32) -> Result<(), u32> {
        Err(id)
    }

    #[invalidates(tags("id:{id}"))]
    async fn by_tag(&self, id: u32) {}

    #[invalidates("get")]
    async fn by_name(&self) {}

    #[invalidates(all)]
    async fn by_all(&self) {}

    #[invalidates(say("ab", id > 1))]
    async fn of_skipped(&self, id: u32) {}
}

#[invalidates(Repo::get(id), cache = &cache.scope("1"))]
async fn by_a_free_function(cache: &Cache, id: u32) {}

/// The root and two scopes, each with the same four entries.
struct Places {
    root: Repo,
    one: Repo,
    two: Repo,
}

impl Places {
    async fn new() -> Self {
        let cache = Cache::new();
        let [one, two] = ["1", "2"].map(|name| Repo { cache: cache.scope(name) });
        let places = Self { root: Repo { cache }, one, two };
        for repo in places.repos() {
            for id in [1, 2] {
                repo.get(id).await;
            }
            repo.say("ab", false).await;
            repo.say("abc", true).await;
        }
        assert_eq!((places.root.cache.stats().loads, places.left()), (12, [4; 3]));
        places
    }

    fn repos(&self) -> [&Repo; 3] {
        [&self.root, &self.one, &self.two]
    }

    fn left(&self) -> [usize; 3] {
        let entries = self.root.cache.entries();
        [None, Some("1"), Some("2")].map(|scope| entries.iter().filter(|entry| entry.scope.as_deref() == scope).count())
    }
}

type Write = fn(&Repo);

/// Every kind of target, and how many of the four entries it invalidates.
const WRITES: [(Write, usize); 7] = [
    (|repo| run!(repo.by_key(1).await), 1),
    (|repo| run!(assert_eq!(repo.by_result(2).await, 2)), 1),
    (|repo| run!(assert_eq!(repo.without_result(1).await, Err(1))), 2),
    (|repo| run!(repo.by_tag(1).await), 1),
    (|repo| run!(repo.by_name().await), 2),
    (|repo| run!(repo.of_skipped(1).await), 1),
    (|repo| run!(repo.by_all().await), 4),
];

#[test]
fn p10_through_a_scope_only_that_scope_is_affected() {
    block_on(async {
        for (write, invalidates) in WRITES {
            let places = Places::new().await;
            write(&places.one);
            assert_eq!(places.left(), [4, 4 - invalidates, 4]);
            write(&places.two);
            assert_eq!(places.left(), [4, 4 - invalidates, 4 - invalidates]);
            write(&Repo { cache: places.root.cache.scope("3") });
            assert_eq!(places.left(), [4, 4 - invalidates, 4 - invalidates], "an empty scope");
            places.root.cache.check_invariants();
        }
    });
}

#[test]
fn through_the_root_every_scope_is_affected() {
    block_on(async {
        for (write, invalidates) in WRITES {
            let places = Places::new().await;
            write(&places.root);
            assert_eq!(places.left(), [4 - invalidates; 3]);
            let before = places.root.cache.stats().loads;
            for repo in places.repos() {
                assert_eq!(
                    (repo.get(1).await, repo.get(2).await, repo.say("ab", false).await),
                    ("1".into(), "2".into(), "ab".into())
                );
                assert_eq!(repo.say("abc", true).await, "ABC");
            }
            assert_eq!(places.root.cache.stats().loads - before, u64::try_from(3 * invalidates).unwrap());
            places.root.cache.check_invariants();
        }
    });
}

#[test]
fn a_scope_that_is_made_for_the_call() {
    block_on(async {
        let places = Places::new().await;
        by_a_free_function(&places.root.cache, 1).await;
        assert_eq!(places.left(), [4, 3, 4]);
        places.root.cache.scope("2").invalidate_tags(["id:1", "2"]);
        assert_eq!(places.left(), [4, 3, 2]);
        places.root.cache.invalidate_tags(["id:1", "3"]);
        assert_eq!(places.left(), [2, 2, 1]);
    });
}

/// An earlier invalidation does not affect an entry that is stored after it.
#[test]
fn a_value_loaded_after_an_invalidation_stays() {
    block_on(async {
        let places = Places::new().await;
        let writes: [Write; 2] = [|repo| run!(repo.by_key(1).await), |repo| run!(repo.by_tag(1).await)];
        for write in writes {
            for repo in places.repos() {
                write(repo);
                repo.get(1).await;
                repo.get(1).await;
            }
        }
        // Through the root, the scopes were invalidated too, and loaded again in their turn.
        assert_eq!(places.left(), [4; 3]);
        assert_eq!(places.root.cache.stats().loads, 12 + 6);
    });
}
