//! says: this attribute goes on a function, not on `trait`

use cache_core::cached_query;

#[cached_query(ttl = "5m")]
pub trait Repo {
    fn get(&self) -> u32 {
        1
    }
}

fn main() {}
