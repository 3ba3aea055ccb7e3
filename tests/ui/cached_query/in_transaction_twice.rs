//! says: `in_transaction` is given twice: keep one

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(in_transaction, in_transaction)]
    fn read(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
