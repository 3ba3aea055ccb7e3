//! says: unused implementer of
#![deny(unused_must_use)]

use cache_core::{Cache, HasCache, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[invalidates(all)]
    async fn change(&self) {}

    async fn change_twice(&self) {
        self.change().await;
        self.change();
    }
}

fn main() {}
