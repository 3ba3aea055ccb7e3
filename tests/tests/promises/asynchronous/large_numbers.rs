//! P3 and P9: many tags on one entry, many scopes with one key, many instantiations of one query. `benches` measures
//! the cost; these tests check the results.

use std::sync::atomic::{AtomicU32, Ordering};

use cache_core::{Cache, EntryOptions, HasCache, Tag, TaggedCache, cached_query, invalidates};

use super::mode::block_on;

const TAGS: usize = 30_000;

#[test]
fn p3_an_entry_with_very_many_tags_is_invalidated_by_each() {
    let cache = TaggedCache::<u32, usize>::new();
    let names = || (0..TAGS).map(|tag| format!("tag:{tag}"));
    for (round, known) in (0..).zip([true, false]) {
        // From the start, or from the result.
        let options = || if known { EntryOptions::new().tags(names()) } else { EntryOptions::new() };
        let late = |_: &usize| (if known { 0..0 } else { 0..TAGS }).map(|tag| Tag::from(format!("tag:{tag}")));
        let read = |value| block_on(cache.entry(&1).with(options).tags_from(late).or_load_async(async || value));
        for (number, tag) in (0..).zip([0, TAGS / 2, TAGS - 1]) {
            let value = round * 100 + number;
            assert_eq!((read(value), read(usize::MAX)), (value, value));
            cache.invalidate_tags([format!("tag:{TAGS}")]);
            assert_eq!(read(usize::MAX), value, "a tag that it does not have");
            assert_eq!(cache.entries()[0].tags.len(), TAGS);
            cache.invalidate_tags([format!("tag:{tag}")]);
            assert_eq!(cache.get(&1), None, "it has {tag}");
        }
        cache.purge();
        cache.check_invariants();
    }
}

#[test]
fn p3_a_tag_that_is_given_many_times_is_one_tag() {
    let cache = TaggedCache::<u32, u32>::new();
    cache.insert_with(1, 1, EntryOptions::new().tags((0..TAGS).map(|tag| format!("tag:{}", tag % 3))));
    let mut tags = cache.entries().remove(0).tags;
    tags.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
    assert_eq!(tags.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["tag:0", "tag:1", "tag:2"]);
    cache.invalidate_tags(["tag:2"]);
    assert_eq!(cache.get(&1), None);
}

const SCOPES: usize = 1_000;

#[derive(HasCache, Default)]
struct Repo {
    row: AtomicU32,
    #[cache]
    cache: Cache,
}

impl Repo {
    #[cached_query]
    async fn get(&self, id: u32) -> u32 {
        self.row.load(Ordering::SeqCst) + id
    }

    #[cached_query]
    async fn outer(&self, id: u32) -> u32 {
        self.get(id).await
    }

    #[cached_query]
    async fn other(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(get(id))]
    async fn write(&self, id: u32) {
        self.row.fetch_add(10, Ordering::SeqCst);
    }
}

#[test]
fn p3_a_key_through_the_root_handle_is_invalidated_in_every_scope() {
    let root = Repo { cache: Cache::builder().capacity(100_000).build(), ..Repo::default() };
    let scopes: Vec<_> = (0..SCOPES)
        .map(|scope| Repo { cache: root.cache.scope(&format!("tenant:{scope}")), ..Repo::default() })
        .collect();
    let read_all = || {
        for repo in scopes.iter().chain([&root]) {
            (1..=2).for_each(|id| _ = (block_on(repo.get(id)), block_on(repo.other(id))));
        }
    };
    read_all();
    let loads = root.cache.stats().loads;
    assert_eq!(root.cache.len(), 4 * (SCOPES + 1));
    block_on(root.write(1));
    assert_eq!(root.cache.len(), 3 * (SCOPES + 1), "exactly that key of that query");
    for repo in &scopes {
        assert_eq!(repo.cache.len(), 3);
    }
    read_all();
    assert_eq!(root.cache.stats().loads, loads + SCOPES as u64 + 1);

    // Through a handle of one scope, in that scope alone.
    block_on(scopes[7].write(1));
    assert_eq!((root.cache.len(), scopes[7].cache.len()), (4 * (SCOPES + 1) - 1, 3));
    root.cache.check_invariants();
}

/// P15 and P3: what depends on the key in each scope is invalidated too.
#[test]
fn p15_a_key_through_the_root_handle_invalidates_its_dependents_in_every_scope() {
    let root = Repo::default();
    let scopes: Vec<_> =
        (0..100).map(|scope| Repo { cache: root.cache.scope(&format!("tenant:{scope}")), ..Repo::default() }).collect();
    for repo in &scopes {
        repo.row.store(5, Ordering::SeqCst);
        assert_eq!((block_on(repo.outer(1)), block_on(repo.outer(2))), (6, 7));
        repo.row.store(50, Ordering::SeqCst);
    }
    block_on(root.write(1));
    for repo in &scopes {
        assert_eq!((block_on(repo.outer(1)), block_on(repo.outer(2))), (51, 7));
    }
    root.cache.check_invariants();
}

/// A direct key is the key of the root, not of a scope.
#[test]
fn p2_a_direct_key_through_the_root_handle_is_in_no_scope() {
    let root: TaggedCache<u32, usize> = TaggedCache::builder().capacity(100_000).build();
    let scope = |scope: usize| root.scope(&format!("tenant:{scope}"));
    for number in 0..SCOPES {
        scope(number).insert(1, number);
    }
    root.insert(1, 0);
    root.insert(2, 0);
    assert!(root.invalidate_key(&1));
    assert!(!root.invalidate_key(&1), "it was invalidated before");
    assert_eq!(root.len(), SCOPES + 1);
    assert!(scope(7).invalidate_key(&1));
    assert!((0..SCOPES).all(|number| scope(number).get(&1).is_some() == (number != 7)));
    root.check_invariants();
}

#[test]
fn p1_a_key_through_the_root_handle_affects_loads_in_flight_in_every_scope() {
    #[derive(HasCache)]
    struct Scoped {
        invalidates: u32,
        root: Repo,
        #[cache]
        cache: Cache,
    }

    impl Scoped {
        #[cached_query]
        async fn read(&self, id: u32) -> u32 {
            Root { cache: self.root.cache.clone() }.invalidate(self.invalidates).await;
            id
        }
    }

    #[derive(HasCache)]
    struct Root {
        cache: Cache,
    }

    impl Root {
        #[invalidates(Scoped::read(id))]
        async fn invalidate(&self, id: u32) {}
    }

    let root = Cache::new();
    for number in 0..100 {
        let cache = root.scope(&format!("tenant:{number}"));
        let mut scoped = Scoped { invalidates: 1, root: Repo { cache: root.clone(), ..Repo::default() }, cache };
        assert_eq!((block_on(scoped.read(1)), scoped.cache.len()), (1, 0), "it is refused");
        scoped.invalidates = 2;
        assert_eq!((block_on(scoped.read(1)), scoped.cache.len()), (1, 1), "another key");
    }
    root.check_invariants();
}

struct Type<const N: usize>;

impl Repo {
    #[cached_query]
    async fn instance<T: 'static>(&self, id: u32) -> usize {
        let _ = id;
        std::any::type_name::<T>().len()
    }

    #[invalidates("instance")]
    async fn change_instances(&self) {}
}

macro_rules! each_type {
    ($do:ident; $($n:literal)*) => { $( $do!(Type<$n>); $do!(Type<{ 100 + $n }>); )* };
}

#[test]
fn p10_many_instantiations_of_one_query_are_apart() {
    block_on(async {
        let repo = Repo::default();
        let mut number = 0_u64;
        macro_rules! call {
            ($of:ty) => {
                assert_eq!(repo.instance::<$of>(1).await, std::any::type_name::<$of>().len());
                number += 1;
            };
        }
        for _ in 0..2 {
            each_type!(call; 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
            each_type!(call; 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60);
        }
        let stats = repo.cache.stats();
        assert_eq!((stats.loads, stats.hits), (number / 2, number / 2));
        repo.change_instances().await;
        assert_eq!(repo.cache.len(), 0);
    });
}
