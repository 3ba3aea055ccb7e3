//! says: `Genre` doesn't implement

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Genre;

impl Repo {
    #[cached_query(tags("genre:{genre}"))]
    fn get(&self, genre: Genre) -> u32 {
        1
    }
}

fn main() {}
