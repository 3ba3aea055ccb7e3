//! `on_unreachable` with each value: what is queued without a tier is nothing.

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query]
    fn get(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(get(id), on_unreachable = "queue")]
    fn queue(&self, id: u32) {}

    #[invalidates(get(id), on_unreachable = "fail")]
    async fn fail(&self, id: u32) -> Result<u32, String> {
        Ok(id)
    }
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    repo.queue(repo.get(1));
    drop(repo.fail(1));
}
