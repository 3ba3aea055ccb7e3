//! says: UnderscoreForSkippedArgument`, found `u32`

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(skip(depth))]
    fn get_track(&self, id: u32, depth: u32) -> u32 {
        id + depth
    }

    #[invalidates(get_track(_, id))]
    fn change(&self, id: u32) {}
}

fn main() {}
