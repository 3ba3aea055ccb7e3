//! says: __cached_key_without_skipped_arguments_of_get_track

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

    #[invalidates(get_track(_))]
    fn change(&self) {}
}

fn main() {}
