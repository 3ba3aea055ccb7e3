//! says: make it an `async fn` that returns the value

use std::future::Future;
use std::pin::Pin;

use cache_core::{Cache, HasCache, invalidates};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[invalidates(all)]
    fn change(&self) -> BoxFuture<'_, u32> {
        Box::pin(async { 1 })
    }
}

fn main() {}
