//! says: `password` is secret already: name it once

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Users {
    cache: Cache,
}

impl Users {
    #[cached_query(secret(password, password))]
    fn log_in(&self, user: &str, password: &str) -> bool {
        user == password
    }
}

fn main() {}
