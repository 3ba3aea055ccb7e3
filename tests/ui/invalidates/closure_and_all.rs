//! says: `all` includes the others

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get_track(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(all, |id| get_track(*id))]
    fn change(&self) -> u32 {
        1
    }
}

fn main() {}
