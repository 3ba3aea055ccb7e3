//! One type with several `impl` blocks, in several modules.

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
pub struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get_track(&self, id: u32) -> u32 {
        id
    }
}

impl Repo {
    #[invalidates("get_track", "get_artist")]
    fn change(&self) {}

    #[invalidates(get_track(id), get_artist(id))]
    fn change_one(&self, id: u32) {}
}

mod artists {
    impl crate::Repo {
        #[cache_core::cached_query(ttl = "5m", tags("artist:{id}"))]
        pub(crate) fn get_artist(&self, id: u32) -> u32 {
            id
        }

        #[cache_core::invalidates(tags("artist:{id}"))]
        pub(super) fn rename(&self, id: u32) {}
    }
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    let fill = || (repo.get_track(1), repo.get_track(2), repo.get_artist(1), repo.get_artist(2));
    assert_eq!(fill(), (1, 2, 1, 2));
    repo.change_one(1);
    assert_eq!(repo.cache.len(), 2);
    repo.rename(2);
    assert_eq!(repo.cache.len(), 1);
    fill();
    repo.change();
    assert!(repo.cache.is_empty());
}
