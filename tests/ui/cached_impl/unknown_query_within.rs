//! says: `__cached_query_gt`

use cache_core::*;

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

trait Tracks {
    fn get(&self, id: u32) -> u32;
    fn change(&self);
}

#[cached_impl]
impl Tracks for Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> u32 {
        id
    }

    #[invalidates("gt")]
    fn change(&self) {}
}

fn main() {}
