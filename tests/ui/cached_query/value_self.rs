//! says: take `&self`: on a hit no body runs that could consume `self`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(self, id: u32) -> u32 {
        id
    }
}

fn main() {}
