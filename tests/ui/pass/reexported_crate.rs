//! The crate through a module that re-exports what is in it, or it as a whole.

mod caching {
    pub(crate) use cache_core::*;
}

mod dependencies {
    pub(crate) use cache_core as cache;
}

use caching::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
#[cache(crate = crate::caching)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m", tags("id:{id}"), crate = crate::caching)]
    fn get(&self, id: u32) -> Result<u32, String> {
        Ok(id)
    }

    #[cached_query(ttl = "5m", crate = crate::dependencies::cache)]
    fn find(&self, id: u32) -> u32 {
        id
    }

    #[invalidates("get", crate = crate::dependencies::cache)]
    fn change(&self) {}

    #[invalidates(find(id), crate = crate::caching)]
    fn change_one(&self, id: u32) {}
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    assert_eq!((repo.get(1), repo.find(2)), (Ok(1), 2));
    repo.change_one(2);
    assert_eq!(repo.cache.len(), 1);
    repo.change();
    assert!(repo.cache.is_empty());
}
