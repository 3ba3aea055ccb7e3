//! says: `Track` doesn't implement

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

struct Track;

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get_track(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(tags("track:{track}"))]
    fn change(&self, track: Track) {}
}

fn main() {}
