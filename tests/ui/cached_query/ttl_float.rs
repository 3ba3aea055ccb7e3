//! says: write a time to live like `ttl = 300`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = 1.5)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
