//! says: `for` in a target needs a list, and `L` is none

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

    #[invalidates(for _ in ids { get_track(1) })]
    fn change<L>(&self, ids: L) {
        drop(ids);
    }
}

fn main() {}
