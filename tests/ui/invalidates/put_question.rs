//! says: there is no `?` in a put

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

    #[invalidates(put get_track(id?))]
    fn change(&self, id: Option<u32>) -> Track {
        Track { id: id.unwrap_or_default() }
    }
}

fn main() {}
