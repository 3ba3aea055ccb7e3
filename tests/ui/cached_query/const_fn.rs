//! says: remove `const`: there is no cache at compile time

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    const fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
