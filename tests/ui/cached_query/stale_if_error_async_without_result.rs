//! says: `stale_if_error` needs a function that returns a `Result`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[derive(Clone)]
struct Answer(u32);

impl Repo {
    #[cached_query(ttl = "5m", stale_if_error = "1h")]
    async fn get(&self, id: u32) -> Answer {
        Answer(id)
    }
}

fn main() {}
