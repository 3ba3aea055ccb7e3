//! says: there are two fields of type `Cache`

use cache_core::{Cache, HasCache};

#[derive(HasCache)]
pub struct Repo {
    pub first: Cache,
    pub second: Cache,
}

fn main() {}
