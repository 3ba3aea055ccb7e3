//! says: `Track` cannot be the value of a `shared` query

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[derive(Clone)]
struct Track(u32);

impl Repo {
    #[cached_query(shared)]
    fn get(&self, id: u32) -> Result<Track, String> {
        Ok(Track(id))
    }
}

fn main() {}
