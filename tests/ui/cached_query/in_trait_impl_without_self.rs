//! says: put_cached_impl_on_the_impl_or_trait_around_it

use cache_core::cached_query;

struct Repo;

trait Tracks {
    fn count(of: u32) -> u32;
}

impl Tracks for Repo {
    #[cached_query(ttl = "5m")]
    fn count(of: u32) -> u32 {
        of
    }
}

fn main() {}
