//! says: the one option here is `crate = path`

use cache_core::{Cache, HasCache};

#[derive(HasCache)]
#[cache(krate = ::cache_core)]
pub struct Repo {
    pub cache: Cache,
}

fn main() {}
