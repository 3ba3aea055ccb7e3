//! says: two fields are marked `#[cache]`

use cache_core::{Cache, HasCache};

#[derive(HasCache)]
pub struct Repo {
    #[cache]
    pub first: Cache,
    #[cache]
    pub second: Cache,
}

fn main() {}
