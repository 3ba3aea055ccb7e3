//! says: `HasCache` can be derived for structs only

use cache_core::{Cache, HasCache};

#[derive(HasCache)]
pub enum Repo {
    One(Cache),
}

fn main() {}
