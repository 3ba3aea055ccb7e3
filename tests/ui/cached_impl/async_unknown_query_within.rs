//! says: `__cached_query_gt`

use async_trait::async_trait;
use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[async_trait]
trait Tracks {
    async fn get(&self, id: u32) -> u32;
    async fn change(&self);
}

#[cached_impl]
#[async_trait]
impl Tracks for Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, id: u32) -> u32 {
        id
    }

    #[invalidates("gt")]
    async fn change(&self) {}
}

fn main() {}
