//! says: make it an `async fn` that returns the value

use cache_core::{Cache, HasCache, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[invalidates(all)]
    fn change(&self) -> impl Future<Output = ()> {
        async {}
    }
}

fn main() {}
