//! says: write the `?` outside of the macro

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

    #[invalidates(get_track(first!(ids => 0?)))]
    fn change(&self, ids: &[u32]) {}
}

fn main() {}
