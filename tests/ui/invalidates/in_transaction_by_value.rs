//! says: this function has the transaction for itself, and commits in its body: remove `in_transaction`

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

    #[invalidates(get_track(id), in_transaction)]
    fn change(&self, _: Transaction, id: u32) {}
}

fn main() {}
