//! says: future cannot be sent between threads safely

use std::rc::Rc;

use async_trait::async_trait;
use cache_core::{Cache, HasCache, cached_impl, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

async fn fetch(id: u32) -> u32 {
    id
}

#[async_trait]
trait Tracks {
    async fn get(&self, id: u32) -> u32;
}

#[cached_impl]
#[async_trait]
impl Tracks for Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, id: u32) -> u32 {
        let shared = Rc::new(id);
        fetch(*shared).await + *shared
    }
}

fn main() {}
