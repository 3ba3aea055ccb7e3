//! says: a time after expiry cannot be negative

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(stale_while_revalidate = -30)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
