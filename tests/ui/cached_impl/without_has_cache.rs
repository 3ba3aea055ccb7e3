//! says: `Repo` does not say which cache it uses

use cache_core::*;

struct Repo;

trait Tracks {
    fn get(&self, id: u32) -> u32;
}

#[cached_impl]
impl Tracks for Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
