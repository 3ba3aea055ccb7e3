//! says: keep either `ttl` or `ttl_from`: the value has one time to live

use std::time::Duration;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m", ttl_from = |value| Duration::from_secs(u64::from(*value)))]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
