//! says: `for` in a target needs a list, and `u32` is none

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

    #[invalidates(|id| for id in *id { get_track(*id) })]
    fn change(&self) -> u32 {
        1
    }
}

fn main() {}
