//! says: tags are shown, and `password` is secret: make the tag from another argument

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Users {
    cache: Cache,
}

impl Users {
    #[cached_query(secret(password), tags_from = |_| [password.to_owned()])]
    fn log_in(&self, user: &str, password: &str) -> bool {
        user == password
    }
}

fn main() {}
