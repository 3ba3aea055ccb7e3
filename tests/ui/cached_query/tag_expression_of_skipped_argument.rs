//! says: `limit` is not part of the key

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(skip(limit), tags(limit.to_string()))]
    fn get(&self, artist_id: u32, limit: u32) -> Vec<u32> {
        vec![artist_id; limit as usize]
    }
}

fn main() {}
