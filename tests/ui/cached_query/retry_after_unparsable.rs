//! says: `1` has no unit: write `1s` for seconds

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(stale_if_error = "1h", retry_after = "1")]
    fn get(&self, id: u32) -> Result<u32, String> {
        Ok(id)
    }
}

fn main() {}
