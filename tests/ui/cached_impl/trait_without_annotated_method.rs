//! says: nothing in it is annotated: put `#[cached_query]` on the methods that read

use cache_core::cached_impl;

#[cached_impl]
pub trait Tracks {
    fn get(&self, id: u32) -> u32;
}

fn main() {}
