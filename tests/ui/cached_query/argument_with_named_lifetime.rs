//! says: say with `key(..)` which part of it is the key, or leave it out with `skip(..)`: it borrows

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Filter<'a> {
    title: &'a str,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get<'a>(&self, filter: &Filter<'a>) -> usize {
        filter.title.len()
    }
}

fn main() {}
