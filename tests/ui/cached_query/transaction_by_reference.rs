//! says: what a transaction reads may never be committed, and would be cached: write `in_transaction`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

pub struct Transaction;

impl Repo {
    #[cached_query(skip(transaction))]
    fn read(&self, transaction: &mut Transaction, id: u32) -> u32 {
        let _ = transaction;
        id
    }
}

fn main() {}
