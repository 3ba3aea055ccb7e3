//! says: write the seconds without a type

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = 300u64)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
