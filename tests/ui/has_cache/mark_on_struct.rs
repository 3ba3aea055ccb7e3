//! says: write `#[cache]` on the field

use cache_core::{Cache, HasCache};

#[derive(HasCache)]
#[cache]
pub struct Repo {
    pub first: Cache,
    pub second: Cache,
}

fn main() {}
