//! says: there is no option `tll`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(tll = "5m", ttl = 0)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
