//! says: `?` in a target is for an `Option`, and `Result<u32, String>` is none

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

    #[invalidates(get_track(*id?))]
    fn change(&self, id: &Result<u32, String>) -> Result<u32, String> {
        id.clone()
    }
}

fn main() {}
