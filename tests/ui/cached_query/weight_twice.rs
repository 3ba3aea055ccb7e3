//! says: `weight` is given twice: keep one

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(weight = |_| 1, weight = |_| 2)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
