//! says: write `#[cache]` alone here

use cache_core::{Cache, HasCache};

#[derive(HasCache)]
pub struct Repo {
    #[cache(crate = ::cache_core)]
    pub first: Cache,
    pub second: Cache,
}

fn main() {}
