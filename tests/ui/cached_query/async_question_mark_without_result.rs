//! says: the `?` operator can only be used in an async block that returns

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, text: &str) -> u32 {
        text.parse()?
    }
}

fn main() {}
