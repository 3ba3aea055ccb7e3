//! says: use a smaller unit

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "1.5h")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
