//! says: make it an `async fn` that returns the value

use std::pin::Pin;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self) -> Pin<Box<dyn Future<Output = u32> + Send>> {
        Box::pin(async { 1 })
    }
}

fn main() {}
