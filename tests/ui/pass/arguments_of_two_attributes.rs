//! Arguments that are mentioned in one of two attributes and not in the body are used.
#![deny(unused)]

use cache_core::{Cache, cached_query, invalidates};

#[cached_query(ttl = "5m")]
fn rate(day: u32) -> u32 {
    day
}

#[invalidates(rate(first))]
#[invalidates(rate(second))]
fn change(first: u32, second: u32) {}

fn main() {
    assert_eq!(rate(1) + rate(2), 3);
    change(1, 2);
    assert!(Cache::global().is_empty());
}
