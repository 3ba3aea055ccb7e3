//! says: `Rc<u32>` cannot be cached

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> std::rc::Rc<u32> {
        id.into()
    }
}

fn main() {}
