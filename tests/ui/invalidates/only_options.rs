//! says: name what to invalidate

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get_all_tracks(&self, limit: u32) -> u32 {
        limit
    }

    #[invalidates(on = "ok")]
    fn change(&self) {}
}

fn main() {}
