//! says: there is no option `tll`

use cache_core::*;

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

trait Tracks {
    fn get(&self, id: u32) -> u32;
}

#[cached_impl]
impl Tracks for Repo {
    #[cached_query(tll = "5m", ttl = 0)]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
