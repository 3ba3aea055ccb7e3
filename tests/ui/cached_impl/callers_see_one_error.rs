//! says: a time to live of 0 would cache nothing

use cache_core::*;

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

trait Tracks {
    fn get(&self, id: u32) -> u32;
    fn change(&self, id: u32);
}

#[cached_impl]
impl Tracks for Repo {
    #[cached_query(ttl = 0)]
    fn get(&self, id: u32) -> u32 {
        id
    }

    #[invalidates("get", get(id))]
    fn change(&self, id: u32) {}
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    repo.change(1);
    let _: u32 = repo.get(1) + repo.get(2);
}
