//! says: write `id`, one id of `tokens`: each has an entry of its own

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Users {
    cache: Cache,
}

impl Users {
    #[cached_query(each = tokens, secret(tokens))]
    fn find(&self, tokens: &[u32]) -> std::collections::HashMap<u32, u32> {
        tokens.iter().map(|token| (*token, 1)).collect()
    }
}

fn main() {}
