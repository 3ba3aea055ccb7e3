//! says: return an owned value, or an `Arc` of one

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, id: u32) -> Option<&str> {
        (id > 0).then_some("one")
    }
}

fn main() {}
