//! says: name the type, or collect into one

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, ids: &[u32]) -> impl Iterator<Item = u32> {
        ids.to_vec().into_iter()
    }
}

fn main() {}
