//! says: `refresh_ahead` is the same for all calls: use a constant, which does not depend on `ahead`

use std::time::Duration;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m", refresh_ahead = ahead)]
    fn get(&self, id: u32, ahead: Duration) -> Duration {
        ahead * id
    }
}

fn main() {}
