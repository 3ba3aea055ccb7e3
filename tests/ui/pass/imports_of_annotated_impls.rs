//! Imports that nothing but a `#[cached_impl]` uses are used.
#![deny(unused_imports)]

mod repo {
    use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

    #[derive(HasCache)]
    pub(crate) struct Repo {
        pub(crate) cache: Cache,
    }

    pub(crate) trait Tracks {
        fn get(&self, id: u32) -> u32;
        fn change(&self);
    }

    #[cached_impl]
    impl Tracks for Repo {
        #[cached_query(ttl = "5m")]
        fn get(&self, id: u32) -> u32 {
            id
        }

        #[invalidates("get")]
        fn change(&self) {}
    }
}

use repo::Tracks;

fn main() {
    let repo = repo::Repo { cache: cache_core::Cache::new() };
    assert_eq!(repo.get(1), 1);
    repo.change();
    assert!(repo.cache.is_empty());
}
