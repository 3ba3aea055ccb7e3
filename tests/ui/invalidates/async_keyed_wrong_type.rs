//! says: mismatched types

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    async fn get_all_tracks(&self, limit: u32) -> u32 {
        limit
    }

    #[invalidates(get_all_tracks(name))]
    async fn change(&self, name: &str) -> usize {
        name.len()
    }
}

fn main() {}
