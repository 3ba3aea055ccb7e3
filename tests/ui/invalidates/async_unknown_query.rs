//! says: `__cached_query_get_al_tracks`

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

    #[invalidates("get_al_tracks")]
    async fn change(&self) {}
}

fn main() {}
