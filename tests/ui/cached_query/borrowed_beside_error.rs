//! says: return an owned value

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self) -> Result<&str, &str> {
        Ok("")
    }
}

fn main() {}
