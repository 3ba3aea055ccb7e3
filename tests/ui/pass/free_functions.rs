//! Queries and writes that are free functions, in modules too.

use cache_core::{Cache, cached_query, invalidates};

#[cached_query(ttl = "5m")]
fn rate(day: u32) -> u32 {
    day * 2
}

mod prices {
    use cache_core::cached_query;

    #[cached_query(ttl = 300)]
    pub(crate) fn of(article: &str) -> usize {
        article.len()
    }
}

#[invalidates("rate", "prices::of")]
fn publish() {}

#[invalidates(rate(day), prices::of(article))]
fn correct(day: u32, article: &str) {}

fn main() {
    let entries = || Cache::global().len();
    assert_eq!((rate(1), rate(2), prices::of("tea"), prices::of("milk")), (2, 4, 3, 4));
    assert_eq!(entries(), 4);
    correct(1, "tea");
    assert_eq!(entries(), 2);
    publish();
    assert_eq!(entries(), 0);
}
