//! says: a capacity is a number of entries

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(capacity = "100")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
