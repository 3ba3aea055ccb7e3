//! says: nothing in it is annotated: put `#[cached_query]` on the methods that read

use cache_core::{Cache, HasCache, cached_impl};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

trait Tracks {
    fn get(&self, id: u32) -> u32;
}

#[cached_impl]
impl Tracks for Repo {
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
