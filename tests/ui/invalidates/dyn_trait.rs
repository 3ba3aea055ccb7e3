//! says: for_dyn_or_generic_types_use_tags

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

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
    fn get(&self, id: u32) -> u32 {
        id
    }
}

#[derive(HasCache)]
struct Service {
    tracks: Box<dyn Tracks>,
    cache: Cache,
}

impl Service {
    #[invalidates("<dyn Tracks>::get")]
    fn rename(&self, id: u32) {
        self.tracks.get(id);
    }
}

fn main() {}
