//! says: `f64` cannot be part of a cache key

use cache_core::*;

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

trait Tracks {
    fn get(&self, at: f64) -> u32;
}

#[cached_impl]
impl Tracks for Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, at: f64) -> u32 {
        at as u32
    }
}

fn main() {}
