//! says: remove `#[cached_impl]`: in an `impl` without a trait

use cache_core::*;

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[cached_impl]
impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
