//! says: is more than a `Duration` holds

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "99999999999999999999s")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
