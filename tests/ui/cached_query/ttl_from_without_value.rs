//! says: `ttl_from` has no value: write `ttl_from = ..`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl_from)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
