//! says: put `#[cached_impl]` on the `impl` or trait, above `#[async_trait]`

use async_trait::async_trait;
use cache_core::{Cache, HasCache, cached_impl, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[async_trait]
#[cached_impl]
trait Tracks: HasCache {
    #[cached_query(ttl = "5m")]
    async fn get(&self, id: u32) -> u32 {
        id
    }
}

impl Tracks for Repo {}

fn main() {}
