//! says: a cached query would invalidate on a miss only

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    #[invalidates("get_all")]
    fn get(&self, id: u32) -> u32 {
        id
    }

    #[cached_query(ttl = "5m")]
    fn get_all(&self) -> u32 {
        1
    }
}

fn main() {}
