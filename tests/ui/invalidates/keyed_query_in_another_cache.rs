//! says: this query is in another cache than that of `self`

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(cache = Cache::global())]
    fn get_track(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(get_track(id))]
    fn change(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
