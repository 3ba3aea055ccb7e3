//! says: write `id`, one id of `ids`: each has an entry of its own

use std::collections::HashMap;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(each = ids, tags("tracks:{ids:?}"))]
    fn get(&self, ids: &[u32]) -> HashMap<u32, u32> {
        ids.iter().map(|id| (*id, *id)).collect()
    }
}

fn main() {}
