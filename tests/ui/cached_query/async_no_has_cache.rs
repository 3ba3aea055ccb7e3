//! says: HasCache

use cache_core::cached_query;

struct Other;

impl Other {
    #[cached_query(ttl = "5m")]
    async fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
