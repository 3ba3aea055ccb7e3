//! says: take it by value (an owned type or an `Arc`): a load in the background outlives the call

use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(refresh_ahead = "1m", background)]
    fn get(self: Arc<Self>, name: &str) -> usize {
        name.len()
    }
}

fn main() {}
