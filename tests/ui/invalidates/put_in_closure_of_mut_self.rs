//! says: take `&self`: the entry is found when the body has ended

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

    #[invalidates(|track| put get_track(track.id) = track.clone())]
    fn change(&mut self) -> Track {
        Track { id: 1 }
    }
}

fn main() {}
