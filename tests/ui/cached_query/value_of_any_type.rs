//! says: `T` cannot be cached

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get<T: Default>(&self) -> T {
        T::default()
    }
}

fn main() {}
