//! says: cannot be the value of a `shared` query: it has no `Serialize` and `DeserializeOwned`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[derive(Clone, serde::Serialize)]
struct Track(u32);

impl Repo {
    #[cached_query(shared)]
    async fn get(&self, id: u32) -> Option<Track> {
        Some(Track(id))
    }
}

fn main() {}
