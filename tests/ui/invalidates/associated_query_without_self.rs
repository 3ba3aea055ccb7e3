//! says: `__cached_query_total`

use cache_core::{cached_query, invalidates};

struct Repo;

impl Repo {
    #[cached_query(ttl = "5m")]
    fn total(of: u32) -> u32 {
        of
    }

    #[invalidates("total")]
    fn change() {}
}

fn main() {}
