//! says: expected `u32`, found `&[u32]`

use std::collections::HashMap;

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(each = ids)]
    fn tracks(&self, ids: &[u32]) -> HashMap<u32, u32> {
        ids.iter().map(|id| (*id, *id)).collect()
    }

    #[invalidates(tracks(ids))]
    fn forget(&self, ids: &[u32]) {}
}

fn main() {}
