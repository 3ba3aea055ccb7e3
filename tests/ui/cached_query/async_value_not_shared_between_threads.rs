//! says: `Rc<u32>` cannot be cached

use std::rc::Rc;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, id: u32) -> Rc<u32> {
        Rc::new(id)
    }
}

fn main() {}
