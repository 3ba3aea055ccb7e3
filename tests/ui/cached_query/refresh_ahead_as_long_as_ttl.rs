//! says: use a time shorter than the `ttl`: with this one each call would load

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m", refresh_ahead = 300)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
