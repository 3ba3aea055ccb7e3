//! says: a time after expiry of 0 would serve no expired value: remove `stale_if_error`, or use a positive time

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(stale_if_error = 0)]
    fn get(&self, id: u32) -> Result<u32, String> {
        Ok(id)
    }
}

fn main() {}
