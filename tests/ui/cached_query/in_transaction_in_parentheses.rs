//! says: write `in_transaction` alone, or `in_transaction = false`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(in_transaction(true))]
    fn read(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
