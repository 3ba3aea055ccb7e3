//! says: remove the return type: the closure names targets

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

    #[invalidates(|id| -> u32 { get_track(*id) })]
    fn change(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
