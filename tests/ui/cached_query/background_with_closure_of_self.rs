//! says: decide by the value alone, without `self`: a load in the background outlives the call

use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(refresh_ahead = "1m", background, weight = |found| self.weight(*found))]
    fn get(self: Arc<Self>, limit: u32) -> u32 {
        limit - 1
    }

    fn weight(&self, of: u32) -> usize {
        of as usize
    }
}

fn main() {}
