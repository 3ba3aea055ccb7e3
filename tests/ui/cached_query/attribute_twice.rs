//! says: one `#[cached_query]` is enough

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    #[cached_query(capacity = 5)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
