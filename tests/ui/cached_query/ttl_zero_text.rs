//! says: a time to live of 0 would cache nothing

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "0s")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
