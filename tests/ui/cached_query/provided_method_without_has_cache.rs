//! says: `Self` does not say which cache it uses

use cache_core::cached_query;

trait Tracks {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
