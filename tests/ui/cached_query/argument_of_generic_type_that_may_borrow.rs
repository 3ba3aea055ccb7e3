//! says: may not live long enough

use std::hash::Hash;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get<K: Clone + Eq + Hash + Send + Sync>(&self, key: K) -> usize {
        size_of_val(&key)
    }
}

fn main() {}
