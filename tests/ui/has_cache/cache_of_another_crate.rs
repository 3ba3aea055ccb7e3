//! says: `quick::Cache` does not say which cache it uses

use cache_core::HasCache;

mod quick {
    pub struct Cache;
}

#[derive(HasCache)]
pub struct Repo {
    pub cache: quick::Cache,
}

fn main() {}
