//! says: there is no option `secrets`: did you mean `secret`?

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Users {
    cache: Cache,
}

impl Users {
    #[cached_query(secrets(password))]
    fn log_in(&self, user: &str, password: &str) -> bool {
        user == password
    }
}

fn main() {}
