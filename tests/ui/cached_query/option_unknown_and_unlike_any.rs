//! says: there is no option `colour` (options: ttl,

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(colour = "red")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
