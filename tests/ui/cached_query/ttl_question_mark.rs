//! says: the `?` operator

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

fn ttl() -> Option<std::time::Duration> {
    None
}

impl Repo {
    #[cached_query(ttl = ttl()?)]
    fn get(&self, artist_id: u32, limit: u32) -> Vec<u32> {
        vec![artist_id; limit as usize]
    }
}

fn main() {}
