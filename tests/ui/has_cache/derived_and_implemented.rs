//! says: conflicting implementations of trait `HasCache`

use cache_core::{Cache, HasCache};

#[derive(HasCache)]
pub struct Repo {
    pub cache: Cache,
}

impl HasCache for Repo {
    fn cache(&self) -> &Cache {
        &self.cache
    }
}

fn main() {}
