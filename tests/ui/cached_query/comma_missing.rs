//! says: a comma is missing before this

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(name = "a" ttl = "5m")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
