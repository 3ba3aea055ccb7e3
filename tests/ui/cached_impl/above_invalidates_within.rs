//! says: a cached query would invalidate on a miss only

use cache_core::*;

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

trait Tracks {
    fn get(&self, id: u32) -> u32;
}

#[cached_impl]
impl Tracks for Repo {
    #[cached_query(ttl = "5m")]
    #[invalidates("get")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
