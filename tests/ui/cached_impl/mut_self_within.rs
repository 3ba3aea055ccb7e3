//! says: take `&self`: a cached query may not mutate

use cache_core::*;

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

trait Tracks {
    fn get(&mut self, id: u32) -> u32;
}

#[cached_impl]
impl Tracks for Repo {
    #[cached_query(ttl = "5m")]
    fn get(&mut self, id: u32) -> u32 {
        id
    }
}

fn main() {}
