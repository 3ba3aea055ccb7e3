//! says: write `#[cache]` alone here

use cache_core::{Cache, HasCache};

#[derive(HasCache)]
pub struct Repo {
    #[cache = "first"]
    pub first: Cache,
    pub second: Cache,
}

fn main() {}
