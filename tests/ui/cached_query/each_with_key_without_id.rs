//! says: add `id`, one id of the list, to the key: each has an entry of its own

use std::collections::HashMap;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(each = ids, key(language))]
    fn get(&self, ids: &[u32], language: &str) -> HashMap<u32, usize> {
        ids.iter().map(|id| (*id, language.len())).collect()
    }
}

fn main() {}
