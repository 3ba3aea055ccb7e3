//! says: `secret` takes a list in parentheses

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Users {
    cache: Cache,
}

impl Users {
    #[cached_query(secret = password)]
    fn log_in(&self, user: &str, password: &str) -> bool {
        user == password
    }
}

fn main() {}
