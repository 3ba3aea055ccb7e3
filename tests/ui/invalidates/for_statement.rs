//! says: in a `for` a target is one entry, as in `get_track(id)`, `tags(..)` or another `for`

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

    #[invalidates(for id in ids { let id = *id; get_track(id) })]
    fn change(&self, ids: &[u32]) {}
}

fn main() {}
