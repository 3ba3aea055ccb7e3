//! says: borrow of moved value

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, text: String) -> usize {
        drop(text);
        text.len()
    }
}

fn main() {}
