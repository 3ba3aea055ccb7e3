//! says: `(f64, u32)` cannot be part of a cache key

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, at: (f64, u32)) -> u32 {
        at.1
    }
}

fn main() {}
