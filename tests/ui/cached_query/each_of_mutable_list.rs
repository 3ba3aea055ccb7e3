//! says: take `&[T]`, a `Vec<T>`, or another list that names the type of its ids

use std::collections::HashMap;

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(each = ids)]
    fn get(&self, ids: &mut [u32]) -> HashMap<u32, u32> {
        ids.iter().map(|id| (*id, *id)).collect()
    }
}

fn main() {}
