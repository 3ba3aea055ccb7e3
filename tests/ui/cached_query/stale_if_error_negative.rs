//! says: a time after expiry cannot be negative

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(stale_if_error = -5)]
    fn get(&self, id: u32) -> Result<u32, String> {
        Ok(id)
    }
}

fn main() {}
