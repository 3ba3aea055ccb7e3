//! says: `f64` cannot be part of a cache key

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(each = ids)]
    fn get(&self, ids: &[f64]) -> Vec<(f64, u32)> {
        ids.iter().map(|id| (*id, 1)).collect()
    }
}

fn main() {}
