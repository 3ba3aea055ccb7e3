//! says: add the bound `Serialize` to a generic one

use cache_core::{Cache, HasCache, cached_query};
use std::hash::Hash;

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(shared)]
    fn get<K: Hash + Eq + Clone + Send + Sync + 'static>(&self, key: K) -> u32 {
        let _ = key;
        0
    }
}

fn main() {}
