//! says: no field is of type `Cache`

use cache_core::{Cache, HasCache};

#[derive(HasCache)]
pub struct Repo {
    pub caches: Vec<Cache>,
}

fn main() {}
