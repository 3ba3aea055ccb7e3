//! says: this attribute goes on a function, not on `struct`

use cache_core::invalidates;

#[invalidates(all)]
pub struct Repo;

fn main() {}
