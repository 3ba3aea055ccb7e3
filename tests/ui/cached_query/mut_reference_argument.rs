//! says: a cached query may not mutate

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, ids: &mut Vec<u32>) -> u32 {
        ids.pop().unwrap_or(0)
    }
}

fn main() {}
