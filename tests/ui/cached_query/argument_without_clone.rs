//! says: not all of `Clone`, `Send`, `Sync` and `'static`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[derive(PartialEq, Eq, Hash)]
struct TrackId(u32);

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: TrackId) -> u32 {
        id.0
    }
}

fn main() {}
