//! Names of the prelude, and of what futures are made of, that mean something else where an `async fn` stands.
#![deny(warnings)]
#![allow(dead_code, unused_macros, non_camel_case_types, non_upper_case_globals, reason = "they are there to be in the way")]

mod shadowed {
    use cache_core::{cached_impl, cached_query, invalidates};

    pub(crate) struct Option;
    pub(crate) struct Result;
    pub(crate) struct Box;
    pub(crate) struct Pin;
    pub(crate) struct Poll;
    pub(crate) struct Context;
    pub(crate) struct Arc;
    pub(crate) struct Vec;
    pub(crate) struct Cache;
    pub(crate) struct u32;
    pub(crate) const Some: i64 = 1;
    pub(crate) const None: i64 = 2;
    pub(crate) const Ok: i64 = 3;
    pub(crate) const Err: i64 = 4;
    pub(crate) const Ready: i64 = 5;
    pub(crate) const Pending: i64 = 6;
    #[derive(::core::clone::Clone)]
    pub(crate) struct Future(pub(crate) i64);
    pub(crate) trait IntoFuture {}
    pub(crate) trait Unpin {}
    pub(crate) trait Clone {}
    pub(crate) trait FnOnce {}
    pub(crate) trait AsyncFnOnce {}
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
    shadow!(format vec pin ready matches unreachable);

    #[derive(::cache_core::HasCache)]
    pub(crate) struct Repo {
        #[cache]
        pub(crate) inner: ::cache_core::Cache,
    }

    pub(crate) trait Tracks {
        async fn of_trait(&self, id: i64) -> i64;
        async fn change_of_trait(&self, id: i64);
    }

    #[cached_impl]
    impl Tracks for Repo {
        #[cached_query(ttl = "5m", tags("id:{id}"))]
        async fn of_trait(&self, id: i64) -> i64 {
            id + Some
        }

        #[invalidates(of_trait(id))]
        async fn change_of_trait(&self, id: i64) {}
    }

    impl Repo {
        #[cached_query(
            ttl = "5m",
            capacity = 10,
            tags("id:{id}", "all"),
            tags_from = |value| [::std::format!("value:{value}")],
            cache_if = |value| *value > 0
        )]
        pub(crate) async fn get(&self, id: i64, text: &str) -> ::core::result::Result<i64, i64> {
            let more: ::core::result::Result<i64, i64> = ::core::result::Result::Ok(text.len() as i64);
            ::core::result::Result::Ok(id + Some + more?)
        }

        #[cached_query(key((id * 2)), cache = &self.inner)]
        pub(crate) async fn keyed(&self, id: i64) -> i64 {
            id
        }

        #[cached_query(ttl = "5m")]
        pub(crate) async fn future(&self, id: i64) -> Future {
            Future(id)
        }

        #[invalidates("future")]
        pub(crate) async fn change_future(&self, id: i64) -> ::std::vec::Vec<Future> {
            ::std::vec![Future(id)]
        }

        #[invalidates("get", tags("id:{id}"))]
        pub(crate) async fn change(&self, id: i64) {}

        #[invalidates(|id| keyed(*id), on = "ok", cache = &self.inner)]
        pub(crate) async fn change_keyed(&self) -> ::core::result::Result<i64, i64> {
            ::core::result::Result::Ok(1)
        }
    }

    #[cached_query]
    pub(crate) async fn free(id: i64) -> i64 {
        id
    }

    #[invalidates(free(id))]
    pub(crate) async fn change_free(id: i64) {}
}

use shadowed::Tracks as _;

async fn run() {
    let repo = shadowed::Repo { inner: cache_core::Cache::new() };
    assert_eq!((repo.get(1, "a").await, repo.of_trait(1).await, repo.keyed(1).await), (Ok(3), 2, 1));
    assert_eq!(repo.inner.len(), 3);
    assert_eq!((repo.future(7).await.0, repo.change_future(8).await[0].0), (7, 8));
    assert_eq!(repo.inner.len(), 3);
    repo.change(1).await;
    assert_eq!(repo.of_trait(1).await, 2);
    repo.change_of_trait(1).await;
    assert_eq!(repo.change_keyed().await, Ok(1));
    assert!(repo.inner.is_empty());
    assert_eq!(shadowed::free(1).await, 1);
    shadowed::change_free(1).await;
    assert!(cache_core::Cache::global().is_empty());
}

fn main() {
    futures_lite::future::block_on(run());
}
