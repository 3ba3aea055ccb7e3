//! says: mismatched types

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

trait Tracks {
    async fn get(&self, id: u32) -> u32;
    async fn change(&self, name: &str);
}

#[cached_impl]
impl Tracks for Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(get(name))]
    async fn change(&self, name: &str) {
        drop(name.to_owned());
    }
}

fn main() {}
