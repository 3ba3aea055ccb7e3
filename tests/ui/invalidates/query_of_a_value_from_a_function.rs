//! says: without `self` the cache of this query is not known

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
pub struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    pub fn get_track(&self, id: u32) -> u32 {
        id
    }
}

#[invalidates("Repo::get_track")]
pub fn rename_track(_: &Repo) {}

fn main() {}
