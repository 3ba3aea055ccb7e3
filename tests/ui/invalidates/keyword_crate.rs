//! says: `crate` cannot be the name of a query: name a function

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn r#loop(&self, id: u32) -> u32 {
        id
    }

    #[invalidates("crate")]
    fn change(&self) {}
}

fn main() {}
