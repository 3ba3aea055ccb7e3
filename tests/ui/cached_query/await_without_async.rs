//! says: `await` is only allowed inside `async`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

async fn fetch(id: u32) -> u32 {
    id
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> u32 {
        fetch(id).await
    }
}

fn main() {}
