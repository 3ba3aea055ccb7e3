//! Scopes: what one of them reads and forgets is its own, for every kind of target.

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
struct World {
    root: Repo,
    one: Repo,
    two: Repo,
}

impl World {
    async fn new() -> Self {
        let cache = Cache::new();
        let [one, two] = ["1", "2"].map(|name| Repo { cache: cache.scope(name) });
        let world = Self { root: Repo { cache }, one, two };
        for repo in world.repos() {
            for id in [1, 2] {
                repo.get(id).await;
            }
            repo.say("ab", false).await;
            repo.say("abc", true).await;
        }
        assert_eq!((world.root.cache.stats().loads, world.left()), (12, [4; 3]));
        world
    }

    fn repos(&self) -> [&Repo; 3] {
        [&self.root, &self.one, &self.two]
    }

    /// How many entries are left in the root alone, and in each scope.
    fn left(&self) -> [usize; 3] {
        let entries = self.root.cache.entries();
        [None, Some("1"), Some("2")].map(|scope| entries.iter().filter(|entry| entry.scope.as_deref() == scope).count())
    }
}

type Write = fn(&Repo);

/// Every kind of target, and how many of four entries it forgets.
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
fn p10_through_a_scope_only_that_scope_is_reached() {
    block_on(async {
        for (write, forgets) in WRITES {
            let world = World::new().await;
            write(&world.one);
            assert_eq!(world.left(), [4, 4 - forgets, 4]);
            write(&world.two);
            assert_eq!(world.left(), [4, 4 - forgets, 4 - forgets]);
            write(&Repo { cache: world.root.cache.scope("3") });
            assert_eq!(world.left(), [4, 4 - forgets, 4 - forgets], "an empty scope");
            world.root.cache.check_invariants();
        }
    });
}

#[test]
fn through_the_root_every_scope_is_reached() {
    block_on(async {
        for (write, forgets) in WRITES {
            let world = World::new().await;
            write(&world.root);
            assert_eq!(world.left(), [4 - forgets; 3]);
            let before = world.root.cache.stats().loads;
            for repo in world.repos() {
                assert_eq!(
                    (repo.get(1).await, repo.get(2).await, repo.say("ab", false).await),
                    ("1".into(), "2".into(), "ab".into())
                );
                assert_eq!(repo.say("abc", true).await, "ABC");
            }
            assert_eq!(world.root.cache.stats().loads - before, u64::try_from(3 * forgets).unwrap());
            world.root.cache.check_invariants();
        }
    });
}

#[test]
fn a_scope_that_is_made_for_the_call() {
    block_on(async {
        let world = World::new().await;
        by_a_free_function(&world.root.cache, 1).await;
        assert_eq!(world.left(), [4, 3, 4]);
        world.root.cache.scope("2").invalidate_tags(["id:1", "2"]);
        assert_eq!(world.left(), [4, 3, 2]);
        world.root.cache.invalidate_tags(["id:1", "3"]);
        assert_eq!(world.left(), [2, 2, 1]);
    });
}

/// A key that is forgotten and then stored anew is not forgotten by what came before.
#[test]
fn what_is_loaded_after_it_was_forgotten_stays() {
    block_on(async {
        let world = World::new().await;
        let writes: [Write; 2] = [|repo| run!(repo.by_key(1).await), |repo| run!(repo.by_tag(1).await)];
        for write in writes {
            for repo in world.repos() {
                write(repo);
                repo.get(1).await;
                repo.get(1).await;
            }
        }
        // Through the root, the two scopes forgot too, and read again when it was their turn.
        assert_eq!(world.left(), [4; 3]);
        assert_eq!(world.root.cache.stats().loads, 12 + 6);
    });
}
