//! says: `own_ttl` takes no value: write `own_ttl` alone

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(own_ttl("5m"))]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
