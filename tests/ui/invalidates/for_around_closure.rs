//! says: a closure is around the loop

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

    #[invalidates(for id in ids { |track| get_track(track.id + id) })]
    fn change(&self, ids: &[u32]) -> u32 {
        0
    }
}

fn main() {}
