//! says: `Clone + Send + Sync + 'static` to a generic one

use std::hash::Hash;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get<K: Hash + Eq>(&self, key: K) -> usize {
        size_of_val(&key)
    }
}

fn main() {}
