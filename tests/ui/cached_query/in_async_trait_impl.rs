//! says: put `#[cached_impl]` on the `impl` or trait, above `#[async_trait]`

use async_trait::async_trait;
use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[async_trait]
trait Tracks {
    async fn get(&self, id: u32) -> u32;
}

#[async_trait]
impl Tracks for Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
