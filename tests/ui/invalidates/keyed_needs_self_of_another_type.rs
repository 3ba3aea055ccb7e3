//! says: the key of this query depends on its `self`

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[derive(HasCache)]
struct Tenants {
    tenant: u32,
    cache: Cache,
}

impl Tenants {
    #[cached_query(key(self.tenant, id))]
    fn get_track(&self, id: u32) -> u32 {
        self.tenant + id
    }
}

impl Repo {
    #[invalidates(Tenants::get_track(id))]
    fn change(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
