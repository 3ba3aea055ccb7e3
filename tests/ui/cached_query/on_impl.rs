//! says: this attribute goes on a function, not on `impl`

use cache_core::cached_query;

pub struct Repo;

#[cached_query(ttl = "5m")]
impl Repo {
    pub fn get(&self) -> u32 {
        1
    }
}

fn main() {}
