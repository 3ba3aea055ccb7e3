//! Names of the prelude that mean something else where a query stands.
#![allow(dead_code, unused_macros, non_camel_case_types, reason = "they are there to be in the way")]

mod shadowed {
    use cache_core::{cached_impl, cached_query, invalidates};

    pub(crate) struct Option;
    pub(crate) struct Result;
    pub(crate) struct String;
    pub(crate) struct Vec;
    pub(crate) struct Box;
    pub(crate) struct Cache;
    pub(crate) struct Query;
    pub(crate) struct Tag;
    pub(crate) struct Duration;
    pub(crate) struct u32;
    pub(crate) struct str;
    pub(crate) struct bool;
    pub(crate) const Some: i64 = 1;
    pub(crate) const None: i64 = 2;
    pub(crate) const Ok: i64 = 3;
    pub(crate) const Err: i64 = 4;
    pub(crate) trait Clone {}
    pub(crate) trait Copy {}
    pub(crate) trait Fn {}
    pub(crate) trait FnOnce {}
    pub(crate) trait Into {}
    pub(crate) trait From {}
    pub(crate) trait IntoIterator {}
    pub(crate) trait ToOwned {}
    pub(crate) trait ToString {}
    pub(crate) trait AsRef {}
    pub(crate) trait Drop {}
    pub(crate) trait Send {}
    pub(crate) trait Sync {}
    pub(crate) trait Sized {}
    pub(crate) trait HasCache {}
    pub(crate) fn drop() {}
    mod std {}
    mod core {}
    mod alloc {}

    macro_rules! shadow {
        ($($name:ident)*) => {
            $(macro_rules! $name {
                () => {};
            })*
        };
    }
    shadow!(format vec module_path file line column stringify concat matches);

    #[derive(::cache_core::HasCache)]
    pub(crate) struct Repo {
        #[cache]
        pub(crate) inner: ::cache_core::Cache,
    }

    pub(crate) trait Tracks {
        fn of_trait(&self, id: i64) -> i64;
    }

    #[cached_impl]
    impl Tracks for Repo {
        #[cached_query(ttl = "5m", tags("id:{id}"))]
        fn of_trait(&self, id: i64) -> i64 {
            id + Some
        }
    }

    impl Repo {
        #[cached_query(
            ttl = "5m",
            capacity = 10,
            tags("id:{id}", "all"),
            tags_from = |value| [::std::format!("value:{value}")],
            cache_if = |value| *value > 0
        )]
        pub(crate) fn get(&self, id: i64, text: &::core::primitive::str) -> ::core::result::Result<i64, i64> {
            ::core::result::Result::Ok(id + Some + text.len() as i64)
        }

        #[cached_query(key((id * 2)), cache = &self.inner, name = "named")]
        pub(crate) fn keyed(&self, id: i64) -> i64 {
            id
        }

        #[cached_query(skip(id))]
        pub(crate) fn associated(id: i64) -> i64 {
            id
        }

        #[invalidates("get", of_trait(id), tags("id:{id}"))]
        pub(crate) fn change(&self, id: i64) {}

        #[invalidates(|id| keyed(*id), on = "ok", cache = &self.inner)]
        pub(crate) fn change_keyed(&self) -> ::core::result::Result<i64, i64> {
            ::core::result::Result::Ok(1)
        }

        #[invalidates("Self::associated", on = "ok")]
        pub(crate) fn change_associated() {}
    }

    #[cached_query]
    pub(crate) fn free(id: i64) -> i64 {
        id
    }

    #[invalidates(free(id))]
    pub(crate) fn change_free(id: i64) {}
}

use shadowed::Tracks as _;

fn main() {
    let repo = shadowed::Repo { inner: cache_core::Cache::new() };
    assert_eq!((repo.get(1, "a"), repo.of_trait(1), repo.keyed(1)), (Ok(3), 2, 1));
    assert_eq!(repo.inner.len(), 3);
    repo.change(1);
    assert_eq!(repo.change_keyed(), Ok(1));
    assert!(repo.inner.is_empty());
    assert_eq!((shadowed::Repo::associated(1), shadowed::free(1)), (1, 1));
    shadowed::change_free(1);
    shadowed::Repo::change_associated();
    assert!(cache_core::Cache::global().is_empty());
}
