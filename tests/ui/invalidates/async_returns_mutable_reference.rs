//! says: return it without `mut`

use cache_core::{Cache, HasCache, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[invalidates(all)]
    async fn change(&mut self) -> &mut Cache {
        &mut self.cache
    }
}

fn main() {}
