//! says: `refresh_ahead` is given twice: keep one

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(refresh_ahead = "1m", refresh_ahead = "2m")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
