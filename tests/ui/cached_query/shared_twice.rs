//! says: `shared` is given twice

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(shared, shared)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
