//! says: rename this argument: with `each`, `id` is one id of the list

use std::collections::HashMap;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(each = ids)]
    fn get(&self, ids: &[u32], id: u32) -> HashMap<u32, u32> {
        ids.iter().map(|other| (*other, id)).collect()
    }
}

fn main() {}
