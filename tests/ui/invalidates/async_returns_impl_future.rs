//! says: await the future, and return its output

use std::future::Future;

use cache_core::{Cache, HasCache, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[invalidates(all)]
    async fn change(&self, id: u32) -> impl Future<Output = u32> {
        async move { id }
    }
}

fn main() {}
