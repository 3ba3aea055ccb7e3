//! says: for_a_function_write_self__get_rate

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[cached_query(ttl = "5m")]
fn get_rate(day: u32) -> u32 {
    day
}

impl Repo {
    #[invalidates(get_rate(id))]
    fn change(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
