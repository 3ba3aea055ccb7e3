//! says: `Track` cannot be the value of a `shared` query

use cache_core::{Cache, HasCache, cached_impl, cached_query};

#[derive(Clone)]
struct Track(u32);

trait Tracks {
    fn get(&self, id: u32) -> Track;
}

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[cached_impl]
impl Tracks for Repo {
    #[cached_query(shared)]
    fn get(&self, id: u32) -> Track {
        Track(id)
    }
}

fn main() {}
