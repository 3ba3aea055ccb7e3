//! says: `own_ttl` is given twice

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(own_ttl, ttl = "5m", own_ttl)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
