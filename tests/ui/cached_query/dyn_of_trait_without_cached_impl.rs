//! says: is not dyn compatible

use cache_core::{HasCache, cached_query};

trait Tracks: HasCache {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn read(tracks: &dyn Tracks) -> u32 {
    tracks.get(1)
}

fn main() {}
