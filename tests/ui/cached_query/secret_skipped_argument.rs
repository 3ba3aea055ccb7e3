//! says: `password` is skipped, and shown nowhere: remove it here

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Users {
    cache: Cache,
}

impl Users {
    #[cached_query(skip(password), secret(password))]
    fn log_in(&self, user: &str, password: &str) -> bool {
        user == password
    }
}

fn main() {}
