//! says: this query is in another cache than that of `self`

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    #[cache]
    cache: Cache,
    other: Cache,
}

impl Repo {
    #[cached_query(cache = &self.other)]
    fn get_track(&self, id: u32) -> u32 {
        id
    }

    #[invalidates("get_track")]
    fn rename_track(&self) {}
}

fn main() {}
