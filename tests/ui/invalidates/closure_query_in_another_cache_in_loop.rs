//! says: this query is in another cache than that of `self`

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

    #[cached_query(cache = Cache::global())]
    fn elsewhere(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(|ids| for id in ids { elsewhere(*id) })]
    fn change(&self, ids: Vec<u32>) -> Vec<u32> {
        ids
    }
}

fn main() {}
