//! says: take `self: Pin<&Self>` or `self: Pin<Arc<Self>>`

use std::pin::Pin;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(self: Pin<Box<Self>>, id: u32) -> u32 {
        id
    }
}

fn main() {}
