//! says: `Connection` cannot be part of a cache key

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

struct Connection;

impl Repo {
    #[cached_query(key(Connection, id))]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
