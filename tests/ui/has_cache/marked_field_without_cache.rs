//! says: `u32` does not say which cache it uses

use cache_core::{Cache, HasCache};

#[derive(HasCache)]
pub struct Repo {
    #[cache]
    pub number: u32,
    pub cache: Cache,
}

fn main() {}
