//! says: did you mean `ttl_from`?

use std::time::Duration;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl_form = |value| Duration::from_secs(u64::from(*value)))]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
