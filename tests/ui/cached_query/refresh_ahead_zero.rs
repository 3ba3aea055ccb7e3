//! says: a time before expiry of 0 would load nothing ahead: remove `refresh_ahead`, or use a positive time

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(refresh_ahead = "0s")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
