//! says: there is no option `tll`: did you mean `ttl`?

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
    #[cached_query(tll = "5m")]
    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
