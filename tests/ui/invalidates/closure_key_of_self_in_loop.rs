//! says: the key of this query depends on its `self`, which is not known here

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

    #[cached_query(key(self.cache.len(), id))]
    fn of_self(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(|ids| for id in ids { of_self(*id) })]
    fn change(&self, ids: Vec<u32>) -> Vec<u32> {
        ids
    }
}

fn main() {}
