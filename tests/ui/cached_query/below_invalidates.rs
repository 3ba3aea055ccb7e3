//! says: a cached query would invalidate on a miss only

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[invalidates("get_all")]
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> u32 {
        id
    }

    #[cached_query(ttl = "5m")]
    fn get_all(&self) -> u32 {
        1
    }
}

fn main() {}
