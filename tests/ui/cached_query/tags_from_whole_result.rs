//! says: `is_ok`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(tags_from = |result| result.is_ok().then_some("fine"))]
    fn get(&self, id: u32) -> Result<u32, String> {
        Ok(id)
    }
}

fn main() {}
