//! says: without them nothing runs in the background

use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m", stale_if_error = "1h", background)]
    fn get(self: Arc<Self>, id: u32) -> Result<u32, String> {
        Ok(id)
    }
}

fn main() {}
