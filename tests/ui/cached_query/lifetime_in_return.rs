//! says: return a type that owns its data

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self) -> std::borrow::Cow<'_, str> {
        "x".into()
    }
}

fn main() {}
