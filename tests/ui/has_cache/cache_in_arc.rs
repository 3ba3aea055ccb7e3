//! says: no field is of type `Cache`

use std::sync::Arc;

use cache_core::{Cache, HasCache};

#[derive(HasCache)]
pub struct Repo {
    pub cache: Arc<Cache>,
}

fn main() {}
