//! says: put `#[cached_impl]` on the `impl` or trait, above `#[async_trait]`

use async_trait::async_trait;
use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[async_trait]
trait Tracks: HasCache + Sync {
    #[cached_query(ttl = "5m")]
    async fn get(&self, id: u32) -> u32 {
        id
    }

    #[cached_query(ttl = "5m")]
    async fn find(&self, title: &str) -> Option<u32> {
        (!title.is_empty()).then_some(1)
    }

    #[invalidates(get(id), "find")]
    async fn change(&self, id: u32) {
        drop(id);
    }
}

impl Tracks for Repo {}

async fn somewhere(repo: &Repo) -> u32 {
    repo.get(1).await
}

fn main() {}
