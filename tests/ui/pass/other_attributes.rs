//! Other attributes above and below, and more than one of ours.

use std::sync::LazyLock;

use cache_core::{Cache, HasCache, cached_query, invalidates};

static OTHER: LazyLock<Cache> = LazyLock::new(Cache::new);

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[inline]
    #[cached_query(ttl = "5m")]
    #[must_use]
    fn get(&self, id: u32) -> u32 {
        id
    }

    #[must_use = "it costs"]
    #[cached_query(ttl = "5m", cache = &OTHER)]
    #[inline(never)]
    #[cold]
    fn elsewhere(&self, id: u32) -> u32 {
        id
    }

    #[deprecated(note = "it shows that the attribute keeps its meaning")]
    #[cached_query(ttl = "5m")]
    fn old(&self) -> u32 {
        1
    }

    #[invalidates("get")]
    #[must_use]
    #[invalidates("elsewhere", cache = &OTHER)]
    #[inline]
    fn change(&self) -> u32 {
        1
    }

    #[track_caller]
    #[invalidates(get(id))]
    #[invalidates(elsewhere(id), cache = &OTHER, on = "ok")]
    fn change_one(&self, id: u32) {}
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    #[allow(deprecated)]
    let old = repo.old();
    let fill = || assert_eq!((repo.get(1), repo.elsewhere(1), repo.elsewhere(2), old), (1, 1, 2, 1));
    fill();
    assert_eq!((repo.cache.len(), OTHER.len()), (2, 2));
    repo.change_one(1);
    assert_eq!((repo.cache.len(), OTHER.len()), (1, 1));
    fill();
    assert_eq!(repo.change(), 1);
    assert_eq!((repo.cache.len(), OTHER.len()), (1, 0));
}
