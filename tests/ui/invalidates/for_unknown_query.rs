//! says: there is an associated function `__cached_key_get_track` with a similar name

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query]
    fn get_track(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(for id in ids { get_trak(*id) })]
    fn change(&self, ids: &[u32]) {}
}

fn main() {}
