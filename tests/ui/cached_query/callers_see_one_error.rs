//! says: a time to live of 0 would cache nothing

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = 0)]
    fn get(&self, id: u32) -> u32 {
        id
    }

    #[invalidates("get")]
    fn change(&self) {}
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    repo.change();
    let _: u32 = repo.get(1) + repo.get(2);
}
