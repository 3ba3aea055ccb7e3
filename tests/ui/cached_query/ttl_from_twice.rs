//! says: `ttl_from` is given twice: keep one

use std::time::Duration;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl_from = Repo::ttl, ttl_from = Repo::ttl)]
    fn get(&self, id: u32) -> u32 {
        id
    }

    fn ttl(value: &u32) -> Duration {
        Duration::from_secs(u64::from(*value))
    }
}

fn main() {}
