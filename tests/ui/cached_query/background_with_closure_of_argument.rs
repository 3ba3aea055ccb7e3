//! says: decide by the value alone, without `limit`: a load in the background outlives the call

use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(refresh_ahead = "1m", background, cache_if = |found| *found < limit)]
    fn get(self: Arc<Self>, limit: u32) -> u32 {
        limit - 1
    }
}

fn main() {}
