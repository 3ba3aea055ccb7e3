//! says: `loop` is a keyword: write `r#loop`

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

    #[invalidates(|id| loop(*id))]
    fn change(&self) -> u32 {
        1
    }
}

fn main() {}
