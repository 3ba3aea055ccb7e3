//! says: `on_unreachable = "fail"` needs a function that returns a `Result`

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query]
    fn get(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(get(id), on_unreachable = "fail")]
    async fn change(&self, id: u32) -> Option<u32> {
        Some(id)
    }
}

fn main() {}
