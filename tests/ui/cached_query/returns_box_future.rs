//! says: make it an `async fn` that returns the value

use std::future::Future;
use std::pin::Pin;

use cache_core::{Cache, HasCache, cached_query};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> BoxFuture<'_, u32> {
        Box::pin(async move { id })
    }
}

fn main() {}
