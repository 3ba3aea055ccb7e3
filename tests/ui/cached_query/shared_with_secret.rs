//! says: make the key with `key(..)` from what is no secret

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(shared, secret(password))]
    fn get(&self, password: &str) -> usize {
        password.len()
    }
}

fn main() {}
