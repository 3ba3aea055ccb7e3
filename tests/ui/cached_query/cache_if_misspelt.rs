//! says: there is no option `cached_if`: did you mean `cache_if`?

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(cached_if = |_| true)]
    fn get(&self, artist_id: u32, limit: u32) -> Vec<u32> {
        vec![artist_id; limit as usize]
    }
}

fn main() {}
