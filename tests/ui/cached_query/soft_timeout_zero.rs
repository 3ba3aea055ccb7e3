//! says: a timeout of 0 would wait for no load: remove `soft_timeout`, or use a positive time

use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(stale_while_revalidate = "30s", background, soft_timeout = "0ms")]
    async fn get(self: Arc<Self>, id: u32) -> Result<u32, String> {
        Ok(id)
    }
}

fn main() {}
