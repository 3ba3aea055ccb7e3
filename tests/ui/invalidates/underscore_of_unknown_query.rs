//! says: __cached_key_without_skipped_arguments_of_get_trak

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

    #[invalidates(get_trak(1, _))]
    fn change(&self) {}
}

fn main() {}
