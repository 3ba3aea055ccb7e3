//! says: `TrackId` cannot be part of the key of a `shared` query

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct TrackId(u32);

impl Repo {
    #[cached_query(shared)]
    fn get(&self, id: &TrackId) -> u32 {
        id.0
    }
}

fn main() {}
