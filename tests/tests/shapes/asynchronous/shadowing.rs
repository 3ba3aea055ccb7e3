//! User names that equal those of the prelude, of traits, or of generated code.

use super::mode::{block_on, pause, run};

mod prelude_names {
    #![deny(warnings, clippy::all, clippy::pedantic)]
    #![allow(dead_code, unused_macros, non_upper_case_globals, reason = "most items only shadow others")]

    use cache_core::{Cache as TheCache, cached_impl, cached_query, invalidates};

    // Types that shadow.
    pub(super) struct Result;
    pub(super) struct String;
    pub(super) struct Box;
    pub(super) struct Vec;
    pub(super) enum Option {}
    pub(super) struct Cache;
    pub(super) struct HasCache;
    pub(super) struct Query;
    pub(super) struct Tag;
    pub(super) struct Duration;

    // Traits that shadow.
    pub(super) trait Clone {}
    pub(super) trait Copy {}
    pub(super) trait Send {}
    pub(super) trait Sync {}
    pub(super) trait Sized {}
    pub(super) trait Drop {}
    pub(super) trait Fn {}
    pub(super) trait FnOnce {}
    pub(super) trait Into {}
    pub(super) trait From {}
    pub(super) trait Iterator {}
    pub(super) trait IntoIterator {}
    pub(super) trait AsRef {}
    pub(super) trait ToOwned {}
    pub(super) trait ToString {}
    pub(super) trait Hash {}
    pub(super) trait Eq {}
    pub(super) trait PartialEq {}
    pub(super) trait Default {}

    // Functions that shadow, also constructors.
    #[expect(non_snake_case, reason = "it only shadows another")]
    pub(super) fn Ok(_: u8) {}
    #[expect(non_snake_case, reason = "it only shadows another")]
    pub(super) fn Err(_: u8) {}
    #[expect(non_snake_case, reason = "it only shadows another")]
    pub(super) fn Some(_: u8) {}
    pub(super) const None: u8 = 0;
    pub(super) fn drop() {}

    // Modules that shadow.
    mod core {}
    mod std {}
    mod alloc {}

    macro_rules! format {
        ($($any:tt)*) => {
            compile_error!("a macro of the user's")
        };
    }
    macro_rules! module_path {
        ($($any:tt)*) => {
            compile_error!("a macro of the user's")
        };
    }
    macro_rules! vec {
        ($($any:tt)*) => {
            compile_error!("a macro of the user's")
        };
    }

    pub(super) struct Repo {
        pub(super) of_it: TheCache,
    }

    impl ::cache_core::HasCache for Repo {
        fn cache(&self) -> &TheCache {
            &self.of_it
        }
    }

    impl Repo {
        #[cached_query(ttl = "5m", tags("id:{id}", text))]
        pub(super) async fn get(&self, id: u32, text: &str) -> ::std::option::Option<::std::string::String> {
            super::pause().await;
            (id > 0).then(|| ::std::format!("{id}{text}"))
        }

        #[cached_query(
            ttl = 60,
            key(id, option.is_some()),
            tags_from = |value| [value.as_str()],
            cache_if = |value| !value.is_empty(),
            capacity = 7
        )]
        pub(super) async fn fallible(
            &self,
            id: u32,
            option: ::std::option::Option<&str>,
        ) -> ::std::result::Result<::std::string::String, u8> {
            super::pause().await;
            if id == 0 {
                return ::std::result::Result::Err(0);
            }
            ::std::result::Result::Ok(::std::format!("{:?}", option.unwrap_or("none")))
        }

        #[invalidates(get(id, text), fallible(id, ::std::option::Option::Some(text)), tags("id:{id}"))]
        pub(super) async fn invalidate_one(&self, id: u32, text: &str) {
            let _ = (id, text);
        }

        #[invalidates(|id| get(*id, "a"), "fallible", on = "ok")]
        pub(super) async fn by_result(&self, id: u32) -> ::std::result::Result<u32, u8> {
            if id == 0 { ::std::result::Result::Err(0) } else { ::std::result::Result::Ok(id) }
        }
    }

    pub(super) trait Tracks {
        async fn track(&self, id: u32) -> u32;
        async fn write(&self, id: u32);
    }

    #[cached_impl]
    impl Tracks for Repo {
        #[cached_query]
        async fn track(&self, id: u32) -> u32 {
            super::pause().await;
            id
        }

        #[invalidates(track(id))]
        async fn write(&self, id: u32) {
            let _ = id;
        }
    }
}

#[test]
fn names_of_the_prelude() {
    block_on(async {
        use prelude_names::Tracks;

        let repo = prelude_names::Repo { of_it: cache_core::Cache::new() };
        check!(
            &repo.of_it;
            repo.get(1, "a").await => "get(id = 1, text = \"a\") [a, id:1]",
            repo.get(0, "b").await => "get(id = 0, text = \"b\") [b, id:0]";
            one: repo.invalidate_one(1, "a").await;
            all: repo.of_it.invalidate(["get"])
        );
        check!(
            &repo.of_it;
            repo.fallible(1, Some("x")).await.unwrap() => "fallible(id = 1, option.is_some() = true) [\"x\"]",
            repo.fallible(1, None).await.unwrap() => "fallible(id = 1, option.is_some() = false) [\"none\"]";
            one: repo.invalidate_one(1, "x").await;
            all: assert_eq!(repo.by_result(2).await, Ok(2))
        );
        assert_eq!((repo.by_result(0).await, repo.fallible(0, None).await), (Err(0), Err(0)));
        check!(
            &repo.of_it;
            repo.track(1).await => "track(id = 1)", repo.track(2).await => "track(id = 2)";
            one: repo.write(1).await;
            all: repo.of_it.invalidate_all()
        );
    });
}

mod words_of_an_expansion {
    #![deny(warnings, clippy::all, clippy::pedantic)]
    #![allow(non_upper_case_globals, reason = "they only shadow others")]

    use cache_core::{Cache, HasCache, cached_query, invalidates};

    pub(super) const QUERY: u32 = 1;
    pub(super) static SITE: u32 = 2;
    pub(super) const value: u32 = 3;
    pub(super) const part: u32 = 4;
    pub(super) static query: u32 = 5;
    pub(super) const result: u32 = 6;
    pub(super) const body: u32 = 7;

    pub(super) fn outcome() -> u32 {
        QUERY + SITE + value + part + query + result + body
    }

    #[derive(HasCache)]
    pub(super) struct Words {
        pub(super) cache: Cache,
        pub(super) key: u32,
    }

    impl Words {
        #[cached_query(tags("key:{key}"), tags_from = |tags| [tags.len().to_string()])]
        #[expect(clippy::too_many_arguments, reason = "the test needs this many names")]
        pub(super) async fn load(
            &self,
            cache: u32,
            key: u32,
            load: &str,
            part_: u32,
            tags: &[u32],
            ttl: u32,
            hit: u32,
            missed: u32,
        ) -> String {
            super::pause().await;
            format!("{cache}{key}{load}{part_}{tags:?}{ttl}{hit}{missed}{}", outcome())
        }

        #[invalidates(load(cache, key, load, 0, tags, 0, 0, 0))]
        pub(super) async fn target(&self, cache: u32, key: u32, load: &str, tags: &[u32]) -> u32 {
            let targets = cache + key;
            let answer = targets + u32::try_from(load.len() + tags.len()).unwrap_or_default();
            answer + self.key
        }

        #[invalidates(|key| load(1, *key, "a", 0, &[], 0, 0, 0))]
        pub(super) async fn by_result(&self, outcome: u32) -> u32 {
            let cache = outcome + self.key;
            cache - self.key
        }

        #[cached_query(key(value, outcome, self.key))]
        pub(super) async fn lookup(&self, outcome: u32, query_: &str) -> String {
            super::pause().await;
            format!("{outcome}{}", query_.len())
        }

        #[invalidates("lookup", load(1, 2, "a", 0, &[], 0, 0, 0))]
        pub(super) async fn invalidating(&mut self, marker: u32) -> u32 {
            let guard = marker;
            self.key = guard;
            guard
        }
    }
}

#[test]
fn names_that_generated_code_could_use() {
    block_on(async {
        let words = words_of_an_expansion::Words { cache: cache_core::Cache::new(), key: 7 };
        let load = |cache, tags: &[u32]| run!(words.load(cache, 2, "a", 0, tags, 0, 0, 0).await);
        check!(
            &words.cache;
            load(1, &[]) => "load(cache = 1, key = 2, load = \"a\", part_ = 0, tags = [], ttl = 0, hit = 0, \
                 missed = 0) [11, key:2]",
            load(1, &[1]) => "load(cache = 1, key = 2, load = \"a\", part_ = 0, tags = [1], ttl = 0, hit = 0, \
                 missed = 0) [12, key:2]";
            one: assert_eq!(words.target(1, 2, "a", &[]).await, 11);
            all: words.cache.invalidate_tags(["key:2"])
        );
        assert_eq!(words.by_result(2).await, 2);
        assert_eq!(words.cache.len(), 1);
        assert_eq!(words.lookup(1, "a").await, words.lookup(1, "b").await);
        assert_eq!(words.cache.len(), 2);
        let mut words = words;
        assert_eq!((words.invalidating(1).await, words.cache.len()), (1, 1));
    });
}

mod blanket_traits {
    #![deny(warnings, clippy::all, clippy::pedantic)]

    use cache_core::{Cache, HasCache, cached_query, invalidates};

    /// Methods on every type, with the names that generated code could call as methods.
    #[expect(dead_code, reason = "they only shadow others")]
    pub(super) trait OnEverything {
        fn part(&self) -> u8 {
            1
        }

        fn outcome(&self) -> u8 {
            2
        }

        fn load(&self) -> u8 {
            3
        }

        fn parts(&self) -> u8 {
            4
        }

        fn hit(&self) -> u8 {
            5
        }

        fn tags(&self) -> u8 {
            6
        }

        fn cache_if(&self) -> u8 {
            7
        }

        fn target(&self) -> u8 {
            8
        }

        fn with_capacity(&self, _: usize) -> u8 {
            9
        }

        fn key(&self) -> u8 {
            10
        }

        fn to_key(&self) -> u8 {
            11
        }

        fn borrowed(&self) -> u8 {
            12
        }
    }

    impl<T: ?Sized> OnEverything for T {}

    #[derive(HasCache)]
    pub(super) struct Repo {
        pub(super) cache: Cache,
    }

    impl Repo {
        #[cached_query(
            capacity = 9,
            tags("name:{name}"),
            tags_from = |sum| [sum.to_string()],
            cache_if = |sum| *sum > 0
        )]
        pub(super) async fn get(&self, name: &str, option: Option<&str>, pair: (u32, &[u8])) -> Result<u8, String> {
            super::pause().await;
            let sum = name.part() + option.outcome() + pair.load();
            if name.is_empty() { Err("no name".into()) } else { Ok(sum + name.as_bytes()[0]) }
        }

        #[invalidates(get(name, None, (1, &[])), tags("none"), on = "ok")]
        pub(super) async fn invalidate_one(&self, name: &str) -> Result<u8, String> {
            if name.is_empty() { Err("no name".into()) } else { Ok(self.target() + self.key()) }
        }
    }
}

#[test]
fn methods_on_every_type() {
    block_on(async {
        let repo = blanket_traits::Repo { cache: cache_core::Cache::new() };
        check!(
            &repo.cache;
            repo.get("a", None, (1, &[])).await.unwrap()
                => "get(name = \"a\", option = None, pair = (1, [])) [103, name:a]",
            repo.get("b", None, (1, &[])).await.unwrap()
                => "get(name = \"b\", option = None, pair = (1, [])) [104, name:b]";
            one: assert_eq!(repo.invalidate_one("a").await, Ok(18));
            all: repo.cache.invalidate_tags(["name:a", "name:b"])
        );
        repo.get("", None, (1, &[])).await.unwrap_err();
        repo.invalidate_one("").await.unwrap_err();
        assert_eq!(repo.cache.len(), 2);
    });
}
