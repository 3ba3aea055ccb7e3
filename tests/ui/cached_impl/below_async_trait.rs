//! says: put `#[cached_impl]` on the `impl` or trait, above `#[async_trait]`

use async_trait::async_trait;
use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[async_trait]
trait Tracks {
    async fn get(&self, id: u32) -> u32;
    async fn change(&self, id: u32);
}

#[async_trait]
#[cached_impl]
impl Tracks for Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(get(id))]
    async fn change(&self, id: u32) {
        drop(id);
    }
}

fn main() {}
