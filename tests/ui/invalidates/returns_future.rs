//! says: return the value, not a future

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
