//! P2: names are exact. That a wrong one in an attribute does not compile is shown by `tests/ui`.

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get_track(&self, id: u32) -> u32 {
        id
    }

    #[cached_query(ttl = "5m")]
    fn get_tracks(&self, ids: &[u32]) -> usize {
        ids.len()
    }

    #[cached_query(ttl = "5m", name = "tracks.count")]
    fn count(&self) -> u32 {
        2
    }

    #[invalidates("get_track")]
    fn by_string(&self) {}

    #[invalidates(get_tracks)]
    fn by_path(&self) {}

    #[invalidates("Repo::count", never_asked)]
    fn by_paths(&self) {}

    #[cached_query]
    fn never_asked(&self) -> u8 {
        0
    }

    fn warm() -> Self {
        let repo = Self { cache: Cache::new() };
        repo.get_track(1);
        repo.get_track(2);
        repo.get_tracks(&[1, 2]);
        repo.count();
        assert_eq!(repo.cached(), ["get_track", "get_track", "get_tracks", "tracks.count"]);
        repo
    }

    fn cached(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.cache.entries().into_iter().map(|entry| entry.query).collect();
        names.sort_unstable();
        names
    }
}

#[test]
fn p2_a_name_is_no_prefix() {
    let repo = Repo::warm();
    repo.by_string();
    assert_eq!(repo.cached(), ["get_tracks", "tracks.count"]);

    let repo = Repo::warm();
    repo.by_path();
    assert_eq!(repo.cached(), ["get_track", "get_track", "tracks.count"]);
}

#[test]
fn p2_an_attribute_names_the_function_and_run_time_the_name_it_was_given() {
    let repo = Repo::warm();
    repo.by_paths();
    assert_eq!(repo.cached(), ["get_track", "get_track", "get_tracks"]);

    let repo = Repo::warm();
    repo.cache.invalidate(["count"]);
    assert_eq!(repo.cached().len(), 4);
    repo.cache.invalidate(["tracks.count"]);
    assert_eq!(repo.cached(), ["get_track", "get_track", "get_tracks"]);
}

#[test]
fn p2_an_unknown_name_does_nothing() {
    let repo = Repo::warm();
    repo.cache.invalidate(["", "get_", "get_track ", "GET_TRACK", "get_tracks_", "no such query", "*"]);
    assert_eq!(repo.cached().len(), 4);
    repo.cache.invalidate([String::from("get_tracks")]);
    assert_eq!(repo.cached(), ["get_track", "get_track", "tracks.count"]);
}

#[test]
fn p2_a_name_is_that_of_every_type() {
    #[derive(HasCache)]
    struct Other(Cache);
    impl Other {
        #[cached_query]
        fn get_track(&self, id: u32) -> u32 {
            id + 100
        }
    }
    let repo = Repo::warm();
    let other = Other(repo.cache.clone());
    assert_eq!(other.get_track(1), 101);

    repo.by_string();
    assert_eq!(repo.cached(), ["get_track", "get_tracks", "tracks.count"], "an attribute means its own type's");
    repo.cache.invalidate(["get_track"]);
    assert_eq!(repo.cached(), ["get_tracks", "tracks.count"]);
}

mod free {
    use super::*;

    #[cached_query(cache = cache())]
    pub(super) fn double(n: u32) -> u32 {
        n * 2
    }

    #[invalidates("double", cache = cache())]
    pub(super) fn change() {}

    pub(super) fn cache() -> &'static Cache {
        static CACHE: std::sync::OnceLock<Cache> = std::sync::OnceLock::new();
        CACHE.get_or_init(Cache::new)
    }
}

#[test]
fn p2_free_functions_are_named_by_path() {
    #[invalidates("free::double", cache = free::cache())]
    fn from_elsewhere() {}

    for forget in [free::change, from_elsewhere] {
        assert_eq!((free::double(4), free::cache().len()), (8, 1));
        forget();
        assert_eq!(free::cache().len(), 0);
    }
}

#[test]
fn p2_a_query_that_is_not_cached_yet_can_be_invalidated() {
    let repo = Repo { cache: Cache::new() };
    repo.by_paths();
    repo.cache.invalidate(["never_asked"]);
    assert_eq!(repo.never_asked(), 0);
    assert_eq!(repo.cached(), ["never_asked"]);
}

/// Each query is forgotten in the cache that it is in, whoever names it.
#[test]
fn p2_a_free_query_is_forgotten_in_the_global_cache_also_by_a_method() {
    #[cached_query]
    fn global_query(n: u32) -> u32 {
        n
    }

    #[invalidates(global_query)]
    fn by_function() {}

    /// Commas between generic arguments are not commas between options.
    fn first<'a, A, B>(first: &'a A, _: &B) -> &'a A {
        first
    }

    struct Writer(Cache);
    impl HasCache for Writer {
        fn cache(&self) -> &Cache {
            &self.0
        }
    }
    impl Writer {
        #[cached_query]
        fn own(&self) -> u32 {
            1
        }

        #[invalidates("global::query_of_module", own)]
        fn by_method(&self) {}

        #[invalidates(Writer::own, cache = first::<Cache, u8>(&self.0, &1))]
        #[invalidates(all, cache = &Cache::new())]
        fn by_cache(&self) {}
    }
    #[invalidates("Writer::own", cache = writer.cache())]
    fn by_function_that_says_where(writer: &Writer) {
        writer.own();
    }

    let loads = || Cache::global().query_stats().iter().map(|query| query.loads).sum::<u64>();
    let before = loads();
    global_query(1);
    by_function();
    global_query(1);
    assert_eq!(loads() - before, 2);

    let writer = Writer(Cache::new());
    for write in [Writer::by_method, Writer::by_cache, by_function_that_says_where] {
        writer.own();
        global::query_of_module(1);
        write(&writer);
        assert!(writer.0.is_empty());
    }
    let of_module = Cache::global().query_stats();
    let of_module = of_module.iter().find(|query| query.query == "query_of_module").expect("it was used");
    assert_eq!((of_module.loads, of_module.hits, of_module.entries), (2, 1, 1), "the first write forgot it");
}

mod global {
    #[cache_core::cached_query]
    pub(super) fn query_of_module(n: u32) -> u32 {
        n
    }
}

/// An argument that says where the cache is, and nothing else, is in use.
#[test]
fn p2_an_argument_may_be_there_for_the_cache_alone() {
    #[deny(unused)]
    #[invalidates(all, cache = (cache, 1).0)]
    fn forget(cache: &Cache) {}

    let cache = Cache::new();
    forget(&cache);
    assert_eq!(cache.stats().invalidations, 1);
}
