//! Scopes: what one of them reads and forgets is its own, for every kind of target.

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(tags("id:{id}"))]
    fn get(&self, id: u32) -> String {
        format!("{id}")
    }

    #[cached_query(skip(loud), tags_from = |text| [text.len().to_string()])]
    fn say(&self, text: &str, loud: bool) -> String {
        if loud { text.to_uppercase() } else { text.into() }
    }

    #[invalidates(get(id))]
    fn by_key(&self, id: u32) {}

    #[invalidates(|id| get(*id))]
    fn by_result(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(|()| get(0))]
    fn without_result(&self, id: u32) -> Result<(), u32> {
        Err(id)
    }

    #[invalidates(tags("id:{id}"))]
    fn by_tag(&self, id: u32) {}

    #[invalidates("get")]
    fn by_name(&self) {}

    #[invalidates(all)]
    fn by_all(&self) {}

    #[invalidates(say("ab", id > 1))]
    fn of_skipped(&self, id: u32) {}
}

#[invalidates(Repo::get(id), cache = &cache.scope("1"))]
fn by_a_free_function(cache: &Cache, id: u32) {}

/// The root and two scopes, each with the same four entries.
struct World {
    root: Repo,
    one: Repo,
    two: Repo,
}

impl World {
    fn new() -> Self {
        let cache = Cache::new();
        let [one, two] = ["1", "2"].map(|name| Repo { cache: cache.scope(name) });
        let world = Self { root: Repo { cache }, one, two };
        for repo in world.repos() {
            for id in [1, 2] {
                repo.get(id);
            }
            repo.say("ab", false);
            repo.say("abc", true);
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
    (|repo| repo.by_key(1), 1),
    (|repo| assert_eq!(repo.by_result(2), 2), 1),
    (|repo| assert_eq!(repo.without_result(1), Err(1)), 2),
    (|repo| repo.by_tag(1), 1),
    (Repo::by_name, 2),
    (|repo| repo.of_skipped(1), 1),
    (Repo::by_all, 4),
];

#[test]
fn p10_through_a_scope_only_that_scope_is_reached() {
    for (write, forgets) in WRITES {
        let world = World::new();
        write(&world.one);
        assert_eq!(world.left(), [4, 4 - forgets, 4]);
        write(&world.two);
        assert_eq!(world.left(), [4, 4 - forgets, 4 - forgets]);
        write(&Repo { cache: world.root.cache.scope("3") });
        assert_eq!(world.left(), [4, 4 - forgets, 4 - forgets], "an empty scope");
        world.root.cache.check_invariants();
    }
}

#[test]
fn through_the_root_every_scope_is_reached() {
    for (write, forgets) in WRITES {
        let world = World::new();
        write(&world.root);
        assert_eq!(world.left(), [4 - forgets; 3]);
        let before = world.root.cache.stats().loads;
        for repo in world.repos() {
            assert_eq!((repo.get(1), repo.get(2), repo.say("ab", false)), ("1".into(), "2".into(), "ab".into()));
            assert_eq!(repo.say("abc", true), "ABC");
        }
        assert_eq!(world.root.cache.stats().loads - before, u64::try_from(3 * forgets).unwrap());
        world.root.cache.check_invariants();
    }
}

#[test]
fn a_scope_that_is_made_for_the_call() {
    let world = World::new();
    by_a_free_function(&world.root.cache, 1);
    assert_eq!(world.left(), [4, 3, 4]);
    world.root.cache.scope("2").invalidate_tags(["id:1", "2"]);
    assert_eq!(world.left(), [4, 3, 2]);
    world.root.cache.invalidate_tags(["id:1", "3"]);
    assert_eq!(world.left(), [2, 2, 1]);
}

/// A key that is forgotten and then stored anew is not forgotten by what came before.
#[test]
fn what_is_loaded_after_it_was_forgotten_stays() {
    let world = World::new();
    for write in [Repo::by_key, Repo::by_tag] {
        for repo in world.repos() {
            write(repo, 1);
            repo.get(1);
            repo.get(1);
        }
    }
    // Through the root, the two scopes forgot too, and read again when it was their turn.
    assert_eq!(world.left(), [4; 3]);
    assert_eq!(world.root.cache.stats().loads, 12 + 6);
}
