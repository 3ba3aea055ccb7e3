//! says: add the bounds `Hash + Eq + Clone + Send + Sync + 'static` to a generic one

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo<K> {
    keys: Vec<K>,
    cache: Cache,
}

impl<K> Repo<K> {
    #[cached_query(ttl = "5m")]
    fn position(&self, key: K) -> usize {
        self.keys.len() - size_of_val(&key)
    }
}

fn main() {}
