//! says: `min` is not a unit of time

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(refresh_ahead = "1min")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
