//! says: the key of this query depends on its `self`

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    tenant: u32,
    cache: Cache,
}

impl Repo {
    #[cached_query(key(self.tenant, id))]
    fn get_track(&self, id: u32) -> u32 {
        self.tenant + id
    }
}

#[invalidates(Repo::get_track(id), cache = &repo.cache)]
fn change(repo: &Repo, id: u32) {}

fn main() {}
