//! says: `Repo` does not say which cache it uses

use cache_core::cached_query;

struct Repo;

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
