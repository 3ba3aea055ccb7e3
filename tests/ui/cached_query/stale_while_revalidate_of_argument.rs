//! says: `stale_while_revalidate` is the same for all calls: use a constant, which does not depend on `id`

use std::time::Duration;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(stale_while_revalidate = Duration::from_secs(id.into()))]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
