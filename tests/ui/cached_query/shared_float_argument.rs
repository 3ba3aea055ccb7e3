//! says: `f64` cannot be part of a cache key

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(shared)]
    fn get(&self, at: f64) -> u32 {
        at as u32
    }
}

fn main() {}
