//! says: the only value is "ok"

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

    #[invalidates("get_all_tracks", on = "err")]
    fn change(&self) {}
}

fn main() {}
