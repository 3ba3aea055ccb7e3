//! says: `Duration`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

const SECONDS: u64 = 300;

impl Repo {
    #[cached_query(ttl = SECONDS)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
