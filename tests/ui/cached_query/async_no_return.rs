//! says: return the value: a query without one has nothing to cache

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, id: u32) {
        drop(id);
    }
}

fn main() {}
