//! says: this function has no body

use cache_core::*;

#[cached_impl]
pub trait Tracks {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> u32;
}

fn main() {}
