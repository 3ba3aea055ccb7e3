//! says: `stale_if_error` is the same for all calls: use a constant, which does not depend on `id`

use std::time::Duration;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(stale_if_error = Duration::from_secs(u64::from(id)))]
    fn get(&self, id: u32) -> Result<u32, String> {
        Ok(id)
    }
}

fn main() {}
