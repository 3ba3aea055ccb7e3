//! says: `soft_timeout` is the same for all calls: use a constant, which does not depend on `id`

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(stale_while_revalidate = "30s", background, soft_timeout = Duration::from_millis(id.into()))]
    async fn get(self: Arc<Self>, id: u32) -> Result<u32, String> {
        Ok(id)
    }
}

fn main() {}
