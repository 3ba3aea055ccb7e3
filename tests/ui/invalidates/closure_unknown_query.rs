//! says: `__cached_key_get_trak`

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

    #[invalidates(|track| get_trak(track.id))]
    fn change(&self, id: u32) -> Track {
        Track { id }
    }
}

fn main() {}
