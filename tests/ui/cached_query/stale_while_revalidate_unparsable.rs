//! says: write a time after expiry like `stale_while_revalidate = 30` (seconds)

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(stale_while_revalidate = true)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
