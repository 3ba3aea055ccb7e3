//! says: `a_query_with_each_has_no_entries__so_call_it` defines an item

use std::collections::HashMap;

use cache_core::{Cache, HasCache, cached_query, entry};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(each = ids)]
    fn tracks(&self, ids: &[u32]) -> HashMap<u32, u32> {
        ids.iter().map(|id| (*id, *id)).collect()
    }
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    let _ = entry!(repo.tracks(&[1]));
}
