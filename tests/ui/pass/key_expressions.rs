//! Expressions of all precedences as keys.

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(key(a + b, a as u64, a == b, -i64::from(a), !b, a..b, if a > b { 1 } else { 2 }))]
    fn get(&self, a: u32, b: u32) -> u32 {
        a + b
    }

    #[invalidates(get(a, b))]
    fn change(&self, a: u32, b: u32) {}
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    assert_eq!(repo.get(1, 2) + repo.get(1, 2), 6);
    assert_eq!(repo.cache.stats().hits, 1);
    repo.change(1, 2);
    assert!(repo.cache.is_empty());
}
