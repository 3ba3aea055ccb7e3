//! Queries without a receiver, which are in the global cache or where they say.

use std::sync::LazyLock;

use cache_core::{Cache, cached_query, invalidates};

static OWN: LazyLock<Cache> = LazyLock::new(Cache::new);

struct Shop;

impl Shop {
    #[cached_query(ttl = "5m")]
    fn total(of: u32) -> u32 {
        of + 1
    }

    #[cached_query(ttl = "5m", cache = &OWN)]
    fn price(of: u32) -> u32 {
        of + 2
    }

    #[cached_query(ttl = "5m")]
    fn open(day: u32) -> Option<Self> {
        (day != 7).then_some(Self)
    }

    #[invalidates("Self::total")]
    fn sell() {}

    #[invalidates(Self::total(of))]
    fn sell_one(of: u32) {}

    #[invalidates("Self::price", cache = &OWN)]
    fn reprice() {}
}

impl Clone for Shop {
    fn clone(&self) -> Self {
        Self
    }
}

#[invalidates("Shop::total", "Shop::open")]
fn close() {}

fn main() {
    assert_eq!((Shop::total(1), Shop::total(2), Shop::price(1)), (2, 3, 3));
    assert!(Shop::open(1).is_some());
    assert_eq!((Cache::global().len(), OWN.len()), (3, 1));
    Shop::sell_one(2);
    Shop::reprice();
    assert_eq!((Cache::global().len(), OWN.len()), (2, 0));
    Shop::sell();
    assert_eq!(Cache::global().len(), 1);
    close();
    assert!(Cache::global().is_empty());
}
