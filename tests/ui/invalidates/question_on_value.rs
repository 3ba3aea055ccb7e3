//! says: `?` in a target is for an `Option`, and `&u32` is none

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query]
    fn get_track(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(|id| get_track(*id?))]
    fn change(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
