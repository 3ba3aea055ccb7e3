//! The crate under another name, by `extern crate`.

extern crate cache_core as renamed;

use renamed::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
#[cache(crate = ::renamed)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m", tags("id:{id}"), crate = ::renamed)]
    fn get(&self, id: u32) -> u32 {
        id
    }

    #[invalidates("get", crate = ::renamed)]
    fn change(&self) {}

    #[invalidates(get(id), tags("id:{id}"), crate = ::renamed)]
    fn change_one(&self, id: u32) {}
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    assert_eq!((repo.get(1), repo.get(2)), (1, 2));
    repo.change_one(1);
    assert_eq!(repo.cache.len(), 1);
    repo.change();
    assert!(repo.cache.is_empty());
}
