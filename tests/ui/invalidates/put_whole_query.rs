//! says: name one entry after `put`, as in `put get_track(id)`

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

    #[invalidates(put "get_track")]
    fn change(&self, id: u32) -> Track {
        Track { id }
    }
}

fn main() {}
