//! says: `annotated` and `plain` are never used

#![deny(dead_code)]

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn annotated(&self) -> u32 {
        1
    }

    fn plain(&self) -> u32 {
        2
    }
}

fn main() {
    Repo { cache: Cache::new() }.cache();
}
