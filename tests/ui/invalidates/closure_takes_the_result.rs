//! says: type mismatch in closure arguments

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

struct Track {
    id: u32,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get_track(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(|track: &Result<Track, String>| get_track(1))]
    fn change(&self, id: u32) -> Result<Track, String> {
        Ok(Track { id })
    }
}

fn main() {}
