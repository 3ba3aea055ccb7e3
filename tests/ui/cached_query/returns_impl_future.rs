//! says: make it an `async fn` that returns the value

use std::future::Future;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> impl Future<Output = u32> + Send {
        async move { id }
    }
}

fn main() {}
