//! says: a time before expiry cannot be negative

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(refresh_ahead = -1)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
