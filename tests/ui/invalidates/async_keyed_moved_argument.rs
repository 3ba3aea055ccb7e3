//! says: moved value: `title`

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    async fn find(&self, title: String) -> usize {
        title.len()
    }

    #[invalidates(find(title))]
    async fn change(&self, title: String) -> usize {
        title.len()
    }
}

fn main() {}
