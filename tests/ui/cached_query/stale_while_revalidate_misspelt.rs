//! says: did you mean `stale_while_revalidate`?

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(stale_while_revalidating = "30s")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
