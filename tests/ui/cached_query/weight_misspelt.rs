//! says: did you mean `weight`?

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(weigth = |_| 1)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
