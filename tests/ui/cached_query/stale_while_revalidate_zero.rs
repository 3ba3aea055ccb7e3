//! says: a time after expiry of 0 would serve no expired value: remove `stale_while_revalidate`, or use a positive time

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(stale_while_revalidate = 0)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
