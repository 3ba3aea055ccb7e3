//! says: no part of the key is made from `self.api_key`, so it is shown nowhere

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Users {
    tenant: u32,
    api_key: String,
    cache: Cache,
}

impl Users {
    #[cached_query(key(self.tenant, user), secret(self.api_key))]
    fn find(&self, user: &str) -> bool {
        user == self.api_key
    }
}

fn main() {}
