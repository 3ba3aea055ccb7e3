//! says: future cannot be sent between threads safely

use std::future::Future;
use std::rc::Rc;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

async fn fetch(id: u32) -> u32 {
    id
}

impl Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, id: u32) -> u32 {
        let shared = Rc::new(id);
        fetch(*shared).await + *shared
    }
}

fn spawn(_: impl Future<Output = u32> + Send) {}

fn somewhere(repo: &Repo) {
    spawn(repo.get(1));
}

fn main() {}
