//! says: `stale_while_revalidate` is given twice: keep one

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(stale_while_revalidate = "30s", stale_while_revalidate = "30s")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
