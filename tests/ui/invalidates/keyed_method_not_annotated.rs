//! says: add_cached_query_to_the_method

use cache_core::{Cache, HasCache, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    fn get_track(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(get_track(id))]
    fn change(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
