//! says: put_cached_impl_on_the_impl_or_trait_around_it

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

trait Tracks {
    async fn get(&self, id: u32) -> u32;
}

impl Tracks for Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
