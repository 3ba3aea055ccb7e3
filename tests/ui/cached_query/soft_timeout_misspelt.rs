//! says: did you mean `soft_timeout`?

use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(stale_while_revalidate = "30s", background, soft_timout = "1s")]
    async fn get(self: Arc<Self>, id: u32) -> Result<u32, String> {
        Ok(id)
    }
}

fn main() {}
