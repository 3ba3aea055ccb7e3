//! says: an_underscore_is_for_a_skipped_argument__and_get_track_skips_none__so_write_a_value

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
