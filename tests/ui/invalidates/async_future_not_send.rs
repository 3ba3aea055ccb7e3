//! says: future cannot be sent between threads safely

use std::future::Future;
use std::rc::Rc;

use cache_core::{Cache, HasCache, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

async fn store(id: u32) -> u32 {
    id
}

impl Repo {
    #[invalidates(all)]
    async fn change(&self, id: u32) -> u32 {
        let shared = Rc::new(id);
        store(*shared).await + *shared
    }
}

fn spawn(_: impl Future<Output = u32> + Send) {}

fn somewhere(repo: &Repo) {
    spawn(repo.change(1));
}

fn main() {}
