//! Implementations of one trait for one type whose arguments differ in no word.

use cache_core::{Cache, HasCache, cached_impl, cached_query};

trait Find<T> {
    fn find(&self, of: T) -> u32;
}

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[cached_impl]
impl Find<u32> for Repo {
    #[cached_query(ttl = "5m")]
    fn find(&self, of: u32) -> u32 {
        of
    }
}

#[cached_impl]
impl Find<&u32> for Repo {
    #[cached_query(ttl = "5m")]
    fn find(&self, of: &u32) -> u32 {
        *of + 1
    }
}

#[cached_impl]
impl Find<(u32,)> for Repo {
    #[cached_query(ttl = "5m")]
    fn find(&self, of: (u32,)) -> u32 {
        of.0 + 2
    }
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    assert_eq!((repo.find(1), repo.find(&1), repo.find((1,))), (1, 2, 3));
    assert_eq!(repo.cache.len(), 3);
}
