//! says: `soft_timeout` is given twice: keep one

use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(stale_while_revalidate = "30s", background, soft_timeout = "1s", soft_timeout = "2s")]
    async fn get(self: Arc<Self>, id: u32) -> Result<u32, String> {
        Ok(id)
    }
}

fn main() {}
