//! says: expected `usize`, found `u32`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(weight = |value| *value)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
