//! says: `shared` takes no value

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(shared = true)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
