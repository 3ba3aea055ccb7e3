//! says: remove `background`: with `each` the load borrows the list of its call

use std::collections::HashMap;
use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(refresh_ahead = "1m", background, each = ids)]
    fn get(self: Arc<Self>, ids: Vec<u32>) -> HashMap<u32, u32> {
        ids.iter().map(|id| (*id, *id)).collect()
    }
}

fn main() {}
