//! says: `Rc<str>` cannot be part of a cache key

use std::rc::Rc;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, title: Rc<str>) -> usize {
        title.len()
    }
}

fn main() {}
