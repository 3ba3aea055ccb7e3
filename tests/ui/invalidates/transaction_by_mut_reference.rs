//! says: take the transaction by value and commit in the body; or write `in_transaction`

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

    #[invalidates(get_track(id))]
    fn change(&self, _: &mut Transaction, id: u32) {}
}

fn main() {}
