//! says: Tag: From<u32>` is not satisfied

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

    #[invalidates(|id| tags(*id))]
    fn change(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
