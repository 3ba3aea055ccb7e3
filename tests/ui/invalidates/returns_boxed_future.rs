//! says: make it an `async fn` that returns the value

use std::future::Future;
use std::pin::Pin;

use cache_core::{Cache, HasCache, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[invalidates(all)]
    fn change(&self) -> Pin<Box<dyn Future<Output = u32> + Send>> {
        Box::pin(async { 1 })
    }
}

fn main() {}
