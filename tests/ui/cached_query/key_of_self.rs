//! says: Repo` cannot be part of a cache key

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(key(self, id))]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
