//! says: expected `u32`, found `UnderscoreForSkippedArgument`

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

    #[invalidates(get_track(_, _))]
    fn change(&self) {}
}

fn main() {}
