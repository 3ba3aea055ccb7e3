//! says: there is no argument `limit`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(skip(limit))]
    fn get(&self) -> u32 {
        1
    }
}

fn main() {}
