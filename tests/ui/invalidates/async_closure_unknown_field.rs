//! says: no field `idd` on type

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
    async fn get_all_tracks(&self, limit: u32) -> u32 {
        limit
    }

    #[invalidates(|track| get_all_tracks(track.idd))]
    async fn change(&self, id: u32) -> Track {
        Track { id }
    }
}

fn main() {}
