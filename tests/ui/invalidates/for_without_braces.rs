//! says: the targets of a `for` are in braces: write it as in `for id in ids { get_track(*id) }`

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

    #[invalidates(for id in ids get_track(*id))]
    fn change(&self, ids: &[u32]) {}
}

fn main() {}
