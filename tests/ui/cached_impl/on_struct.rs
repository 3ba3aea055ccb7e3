//! says: `#[cached_impl]` goes on

use cache_core::cached_impl;

#[cached_impl]
pub struct Repo;

fn main() {}
