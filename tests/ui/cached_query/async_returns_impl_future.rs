//! says: await the future, and return its output

use std::future::Future;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, id: u32) -> impl Future<Output = u32> {
        async move { id }
    }
}

fn main() {}
