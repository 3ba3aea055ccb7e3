//! says: take `&self`: a cached query may not mutate

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&mut self, id: u32) -> u32 {
        id
    }
}

fn main() {}
