//! says: `stale_if_error` needs a function that returns a `Result`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(stale_if_error = "1h")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
