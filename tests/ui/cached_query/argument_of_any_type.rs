//! says: `K` cannot be part of a cache key

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get<K>(&self, key: K) -> usize {
        size_of::<K>()
    }
}

fn main() {}
