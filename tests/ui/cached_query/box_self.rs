//! says: take `&self` or `self: Arc<Self>`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(self: Box<Self>, id: u32) -> u32 {
        id
    }
}

fn main() {}
