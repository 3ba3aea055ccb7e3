//! says: mismatched types

use cache_core::*;

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

trait Tracks {
    fn get(&self, id: u32) -> u32;
    fn change(&self, name: &str);
}

#[cached_impl]
impl Tracks for Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(get(name))]
    fn change(&self, name: &str) {}
}

fn main() {}
