//! says: `Track` cannot be cached

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, id: u32) -> Result<Track, String> {
        Err(id.to_string())
    }
}

struct Track;

fn main() {}
