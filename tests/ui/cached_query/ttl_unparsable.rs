//! says: `five minutes` is not a duration: write it like

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "five minutes")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
