//! says: write `Duration::from_secs(5 * 60)`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = 5 * 60)]
    fn get(&self, artist_id: u32, limit: u32) -> Vec<u32> {
        vec![artist_id; limit as usize]
    }
}

fn main() {}
