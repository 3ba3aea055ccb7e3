//! says: `Repo` does not say which cache it uses

use cache_core::invalidates;

struct Repo;

impl Repo {
    #[invalidates(all)]
    fn change(&self) {}
}

fn main() {}
