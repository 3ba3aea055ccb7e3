//! Arguments that are there under a `cfg` only.

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32, #[cfg(any())] nowhere: NoSuchType, #[cfg(all())] everywhere: &str) -> usize {
        #[cfg(any())]
        let _ = nowhere;
        id as usize + everywhere.len()
    }

    #[cached_query(ttl = "5m")]
    fn first(&self, #[cfg(any())] nowhere: f64, id: u32) -> u32 {
        id
    }

    #[cfg(any())]
    #[cached_query(ttl = "5m")]
    fn removed(&self, id: NoSuchType) -> u32 {
        id
    }

    #[cached_query(ttl = "5m")]
    #[cfg(any())]
    fn removed_too(&self, id: NoSuchType) -> u32 {
        id
    }

    #[cfg_attr(all(), cached_query(ttl = "5m"))]
    fn under_cfg_attr(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(get(id, text))]
    fn change(&self, id: u32, #[cfg(any())] nowhere: NoSuchType, text: &str) {}

    #[cfg_attr(all(), invalidates("first", "under_cfg_attr"))]
    fn change_first(&self, #[cfg(any())] _: NoSuchType, #[cfg(all())] (a, _): (u32, u32)) -> u32 {
        a
    }
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    assert_eq!((repo.get(1, "a"), repo.first(2), repo.under_cfg_attr(3)), (2, 2, 3));
    assert_eq!(repo.cache.len(), 3);
    assert_eq!(repo.cache.entries().iter().filter(|entry| entry.arguments == "id = 1, everywhere = \"a\"").count(), 1);
    repo.change(1, "a");
    assert_eq!(repo.cache.len(), 2);
    assert_eq!(repo.change_first((5, 6)), 5);
    assert!(repo.cache.is_empty());
}
