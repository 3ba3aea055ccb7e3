//! says: mismatched types

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, id: u32) -> u32 {
        id
    }

    fn twice(&self, id: u32) -> u32 {
        let once: u32 = self.get(id);
        once * 2
    }
}

fn main() {}
