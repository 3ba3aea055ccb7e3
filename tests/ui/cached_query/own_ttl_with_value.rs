//! says: `own_ttl` takes no value: write `own_ttl` alone

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m", own_ttl = true)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
