//! says: a `put` in a `for` needs the returned value

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(Clone)]
struct Track {
    id: u32,
}

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query]
    fn get_track(&self, id: u32) -> Track {
        Track { id }
    }

    #[invalidates(for id in ids { put get_track(*id) })]
    fn change(&self, ids: &[u32]) -> Track {
        Track { id: ids[0] }
    }
}

fn main() {}
