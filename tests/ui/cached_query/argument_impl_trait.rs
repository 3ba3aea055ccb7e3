//! says: say with `key(..)` which part of it is the key, or leave it out with `skip(..)`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: impl Into<u32>) -> u32 {
        id.into()
    }
}

fn main() {}
