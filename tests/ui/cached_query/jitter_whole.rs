//! says: a jitter of 100% could leave no time to live: use less than 100%

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m", jitter = "100%")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
