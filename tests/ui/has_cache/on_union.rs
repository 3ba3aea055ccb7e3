//! says: `HasCache` can be derived for structs only

use std::mem::ManuallyDrop;

use cache_core::{Cache, HasCache};

#[derive(HasCache)]
pub union Repo {
    pub cache: ManuallyDrop<Cache>,
}

fn main() {}
