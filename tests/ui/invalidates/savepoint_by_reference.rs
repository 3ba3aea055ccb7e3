//! says: take the transaction by value and commit in the body; or write `in_transaction`

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

pub struct Transaction;

mod sqlite {
    pub struct Savepoint<'a>(pub &'a u32);
}

impl Repo {
    #[cached_query]
    fn get_track(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(get_track(id))]
    fn change(&self, _: &sqlite::Savepoint<'_>, id: u32) {}
}

fn main() {}
