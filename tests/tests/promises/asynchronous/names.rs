//! P2: names are exact. `tests/ui` shows that a wrong name in an attribute does not compile.

use cache_core::{Cache, HasCache, cached_query, invalidates};

use super::mode::block_on;

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    async fn get_track(&self, id: u32) -> u32 {
        id
    }

    #[cached_query(ttl = "5m")]
    async fn get_tracks(&self, ids: &[u32]) -> usize {
        ids.len()
    }

    #[cached_query(ttl = "5m", name = "tracks.count")]
    async fn count(&self) -> u32 {
        2
    }

    #[invalidates("get_track")]
    async fn by_string(&self) {}

    #[invalidates(get_tracks)]
    async fn by_path(&self) {}

    #[invalidates("Repo::count", never_asked)]
    async fn by_paths(&self) {}

    #[cached_query]
    async fn never_asked(&self) -> u8 {
        0
    }

    async fn warm() -> Self {
        let repo = Self { cache: Cache::new() };
        repo.get_track(1).await;
        repo.get_track(2).await;
        repo.get_tracks(&[1, 2]).await;
        repo.count().await;
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
    block_on(async {
        let repo = Repo::warm().await;
        repo.by_string().await;
        assert_eq!(repo.cached(), ["get_tracks", "tracks.count"]);

        let repo = Repo::warm().await;
        repo.by_path().await;
        assert_eq!(repo.cached(), ["get_track", "get_track", "tracks.count"]);
    });
}

#[test]
fn p2_attributes_name_the_function_and_run_time_names_the_query() {
    block_on(async {
        let repo = Repo::warm().await;
        repo.by_paths().await;
        assert_eq!(repo.cached(), ["get_track", "get_track", "get_tracks"]);

        let repo = Repo::warm().await;
        repo.cache.invalidate(["count"]);
        assert_eq!(repo.cached().len(), 4);
        repo.cache.invalidate(["tracks.count"]);
        assert_eq!(repo.cached(), ["get_track", "get_track", "get_tracks"]);
    });
}

#[test]
fn p2_an_unknown_name_does_nothing() {
    let repo = block_on(Repo::warm());
    repo.cache.invalidate(["", "get_", "get_track ", "GET_TRACK", "get_tracks_", "no query of this name", "*"]);
    assert_eq!(repo.cached().len(), 4);
    repo.cache.invalidate([String::from("get_tracks")]);
    assert_eq!(repo.cached(), ["get_track", "get_track", "tracks.count"]);
}

#[test]
fn p2_a_run_time_name_is_the_query_of_every_type() {
    block_on(async {
        #[derive(HasCache)]
        struct Other(Cache);
        impl Other {
            #[cached_query]
            async fn get_track(&self, id: u32) -> u32 {
                id + 100
            }
        }
        let repo = Repo::warm().await;
        let other = Other(repo.cache.clone());
        assert_eq!(other.get_track(1).await, 101);

        repo.by_string().await;
        assert_eq!(
            repo.cached(),
            ["get_track", "get_tracks", "tracks.count"],
            "an attribute names the query of its own type"
        );
        repo.cache.invalidate(["get_track"]);
        assert_eq!(repo.cached(), ["get_tracks", "tracks.count"]);
    });
}

mod free {
    use super::*;

    #[cached_query(cache = cache())]
    pub(super) async fn double(n: u32) -> u32 {
        n * 2
    }

    #[invalidates("double", cache = cache())]
    pub(super) async fn change() {}

    pub(super) fn cache() -> &'static Cache {
        static CACHE: std::sync::OnceLock<Cache> = std::sync::OnceLock::new();
        CACHE.get_or_init(Cache::new)
    }
}

#[test]
fn p2_free_functions_are_named_by_path() {
    #[invalidates("free::double", cache = free::cache())]
    async fn from_elsewhere() {}

    async fn assert_invalidates(invalidate: impl AsyncFn()) {
        assert_eq!((free::double(4).await, free::cache().len()), (8, 1));
        invalidate().await;
        assert_eq!(free::cache().len(), 0);
    }
    block_on(async {
        assert_invalidates(free::change).await;
        assert_invalidates(from_elsewhere).await;
    });
}

#[test]
fn p2_a_query_that_is_not_cached_yet_can_be_invalidated() {
    block_on(async {
        let repo = Repo { cache: Cache::new() };
        repo.by_paths().await;
        repo.cache.invalidate(["never_asked"]);
        assert_eq!(repo.never_asked().await, 0);
        assert_eq!(repo.cached(), ["never_asked"]);
    });
}

/// Each query is invalidated in the cache that it is in, wherever the mutation is.
#[test]
fn p2_a_method_invalidates_a_free_query_in_the_global_cache() {
    block_on(async {
        #[cached_query]
        async fn global_query(n: u32) -> u32 {
            n
        }

        #[invalidates(global_query)]
        async fn by_function() {}

        /// Commas between generic arguments do not separate options.
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
            async fn own(&self) -> u32 {
                1
            }

            #[invalidates("global::query_of_module", own)]
            async fn by_method(&self) {}

            #[invalidates(Writer::own, cache = first::<Cache, u8>(&self.0, &1))]
            #[invalidates(all, cache = &Cache::new())]
            async fn by_cache(&self) {}
        }
        #[invalidates("Writer::own", cache = writer.cache())]
        async fn by_function_that_says_where(writer: &Writer) {
            writer.own().await;
        }

        async fn assert_invalidates(writer: &Writer, write: impl AsyncFn(&Writer)) {
            writer.own().await;
            global::query_of_module(1).await;
            write(writer).await;
            assert!(writer.0.is_empty());
        }

        // Others use the global cache too, for example the synchronous twin.
        let figures = |name| {
            let mut all = Cache::global().query_stats().into_iter();
            all.find(|query| query.query == name && query.module.starts_with(module_path!()))
                .expect("the query was called")
        };
        global_query(1).await;
        by_function().await;
        global_query(1).await;
        assert_eq!(figures("global_query").loads, 2);

        let writer = Writer(Cache::new());
        assert_invalidates(&writer, Writer::by_method).await;
        assert_invalidates(&writer, Writer::by_cache).await;
        assert_invalidates(&writer, by_function_that_says_where).await;
        let of_module = figures("query_of_module");
        assert_eq!((of_module.loads, of_module.hits, of_module.entries), (2, 1, 1), "the first write invalidated it");
    });
}

mod global {
    #[cache_core::cached_query]
    pub(super) async fn query_of_module(n: u32) -> u32 {
        n
    }
}

/// An argument that only serves to find the cache is in use.
#[test]
fn p2_an_argument_may_only_serve_to_find_the_cache() {
    #[deny(unused)]
    #[invalidates(all, cache = (cache, 1).0)]
    async fn invalidate(cache: &Cache) {}

    let cache = Cache::new();
    block_on(invalidate(&cache));
    assert_eq!(cache.stats().invalidations, 1);
}

/// How a type is written is not part of a name: a `char` among its arguments may be any character.
mod chars {
    use super::super::mode::block_on;
    use cache_core::{Cache, HasCache, cached_query, invalidates};
    use std::sync::LazyLock;

    static CACHE: LazyLock<Cache> = LazyLock::new(Cache::new);

    #[cached_query(cache = &*CACHE)]
    async fn free<const C: char>() -> char {
        C
    }

    #[invalidates("free", cache = &*CACHE)]
    async fn invalidate_free() {}

    #[invalidates(free::<C>(), cache = &*CACHE)]
    async fn invalidate_one<const C: char>() {}

    /// In one test, because no other may use its cache.
    #[test]
    fn p2_a_char_among_the_arguments_of_a_free_function_is_not_part_of_the_name() {
        async fn assert_is_invalidated<const C: char>() {
            assert_eq!((free::<C>().await, CACHE.len()), (C, 1));
            invalidate_free().await;
            assert_eq!(CACHE.len(), 0, "{C:?}, by name");
            free::<C>().await;
            invalidate_one::<C>().await;
            assert_eq!(CACHE.len(), 0, "{C:?}, by key");
            free::<C>().await;
            CACHE.invalidate(["free"]);
            assert_eq!(CACHE.len(), 0, "{C:?}, at run time");
        }
        block_on(async {
            assert_is_invalidated::<'a'>().await;
            assert_is_invalidated::<'>'>().await;
            assert_is_invalidated::<'<'>().await;
            assert_is_invalidated::<':'>().await;
            assert_is_invalidated::<'\''>().await;
            assert_is_invalidated::<'"'>().await;
            assert_is_invalidated::<'-'>().await;
        });
    }

    #[derive(HasCache, Default)]
    struct Of<const C: char> {
        cache: Cache,
    }

    impl<const C: char> Of<C> {
        #[cached_query]
        async fn own(&self) -> char {
            C
        }

        #[cached_query]
        async fn generic<const D: char>(&self) -> char {
            D
        }

        #[invalidates("own", "generic")]
        async fn write(&self) {}

        async fn ask<const D: char>(&self) {
            assert_eq!((self.own().await, self.generic::<D>().await), (C, D));
        }

        fn cached(&self) -> Vec<&'static str> {
            let mut names: Vec<_> = self.cache.entries().into_iter().map(|entry| entry.query).collect();
            names.sort_unstable();
            names
        }
    }

    async fn assert_is_invalidated<const C: char, const D: char>() {
        let of = Of::<C>::default();
        of.ask::<D>().await;
        assert_eq!(of.cached(), ["generic", "own"], "{C:?} {D:?}");
        of.cache.invalidate(["own"]);
        assert_eq!(of.cached(), ["generic"], "{C:?} {D:?}");
        of.cache.invalidate(["generic"]);
        assert_eq!(of.cached().len(), 0, "{C:?} {D:?}");
        of.ask::<D>().await;
        of.write().await;
        assert_eq!(of.cached().len(), 0, "{C:?} {D:?}");
    }

    #[test]
    fn p2_a_char_among_the_arguments_is_not_part_of_the_name() {
        block_on(async {
            assert_is_invalidated::<'a', 'b'>().await;
            assert_is_invalidated::<'>', '>'>().await;
            assert_is_invalidated::<'<', '<'>().await;
            assert_is_invalidated::<'<', '>'>().await;
            assert_is_invalidated::<':', ':'>().await;
            assert_is_invalidated::<',', ' '>().await;
            assert_is_invalidated::<'"', '\''>().await;
            assert_is_invalidated::<'\\', '{'>().await;
        });
    }
}
