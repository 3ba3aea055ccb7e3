//! says: return an owned value, or an `Arc` of one

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self) -> &str {
        "x"
    }
}

fn main() {}
