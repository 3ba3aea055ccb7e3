//! Integration tests of a service that fail if a mutation names too little.
#![forbid(unsafe_code)]

use cache_core::{Audit, Cache};
use cache_recipes::audit::Shop;

/// To copy: the cache of the service in its tests. Every hit runs its body as well, and a wrong answer panics in the call
/// that got it, with the mutations that may be to blame.
///
/// Where a panic does not reach the test, as in a request that a server answers with an error, collect the findings
/// instead, and look at them at the end of the test.
fn audited_cache() -> Cache {
    let audit = Audit::sample(1.0).on_finding(|finding| panic!("{finding}"));
    Cache::builder().audit(audit).build()
}

/// A page of the service.
fn show(shop: &Shop, item: u32) -> String {
    format!("{} left; sold out: {:?}", shop.stock(item), shop.sold_out())
}

/// What the service's test has always done: it asserts nothing about what is sold out.
fn buy_the_last_one(cache: Cache, take: fn(&Shop, u32) -> bool) {
    let shop = Shop::new([(1, 1), (2, 5)], cache);
    assert!(show(&shop, 1).starts_with("1 left"));
    assert!(take(&shop, 1));
    assert!(show(&shop, 1).starts_with("0 left"));
    assert!(!take(&shop, 1));
}

#[test]
fn the_last_one_can_be_bought() {
    buy_the_last_one(audited_cache(), Shop::take);
}

#[test]
#[should_panic(expected = "Since it was right, these ran, one of which should name it: `take_carelessly`")]
fn a_mutation_that_names_too_little_fails_the_test() {
    buy_the_last_one(audited_cache(), Shop::take_carelessly);
}

#[test]
fn without_the_audit_the_test_does_not_notice() {
    buy_the_last_one(Cache::new(), Shop::take_carelessly);
}
