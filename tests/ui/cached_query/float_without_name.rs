//! says: `f64` cannot be part of a cache key

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, _: f64) -> u32 {
        1
    }
}

fn main() {}
