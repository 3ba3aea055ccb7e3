//! says: remove `shared` or `each`

use cache_core::{Cache, HasCache, cached_query};
use std::collections::HashMap;

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(each = ids, shared)]
    fn get(&self, ids: &[u32]) -> HashMap<u32, u32> {
        ids.iter().map(|id| (*id, *id)).collect()
    }
}

fn main() {}
