//! says: `200` has no unit: write `200s` for seconds

use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(stale_while_revalidate = "30s", background, soft_timeout = "200")]
    async fn get(self: Arc<Self>, id: u32) -> Result<u32, String> {
        Ok(id)
    }
}

fn main() {}
