//! says: give the argument a name

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, (a, b): (u32, u32)) -> u32 {
        a + b
    }
}

fn main() {}
