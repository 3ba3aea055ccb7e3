//! says: no field is of type `Cache`

use cache_core::HasCache;

#[derive(HasCache)]
pub struct Repo;

fn main() {}
