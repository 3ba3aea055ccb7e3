//! says: write `in_transaction` alone, or `in_transaction = false`

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

pub struct Transaction;

impl Repo {
    #[cached_query]
    fn get_track(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(get_track(id), in_transaction = "yes")]
    fn change(&self, _: &mut Transaction, id: u32) {}
}

fn main() {}
