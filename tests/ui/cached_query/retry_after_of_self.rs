//! says: `retry_after` is the same for all calls: use a constant, which does not depend on `self`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(stale_if_error = "1h", retry_after = self.pause())]
    fn get(&self, id: u32) -> Result<u32, String> {
        Ok(id)
    }

    fn pause(&self) -> std::time::Duration {
        std::time::Duration::from_secs(1)
    }
}

fn main() {}
