//! says: async queries are not supported yet

use cache_core::*;

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

trait Tracks {
    async fn get(&self, id: u32) -> u32;
}

#[cached_impl]
impl Tracks for Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
