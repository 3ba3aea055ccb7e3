//! says: it does not depend on the loop: write it outside

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

    #[invalidates(for id in ids { all })]
    fn change(&self, ids: &[u32]) {}
}

fn main() {}
