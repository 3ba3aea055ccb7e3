//! says: `#[cached_impl]` goes on

use cache_core::cached_impl;

#[cached_impl]
pub fn get(id: u32) -> u32 {
    id
}

fn main() {}
