//! A cache for each tenant: a mutation may run in one of them before the query is used there.

use cache_core::{Cache, HasCache, Warning, cached_query, graph, invalidates};

#[derive(HasCache)]
struct Items {
    cache: Cache,
}

impl Items {
    #[cached_query]
    fn item(&self) -> u32 {
        1
    }

    #[cached_query]
    fn price(&self) -> u32 {
        1
    }
}

#[derive(HasCache)]
struct Sales {
    cache: Cache,
}

impl Sales {
    #[invalidates("Items::item")]
    fn sell(&self) {}

    #[invalidates("Items::price")]
    fn discount(&self) {}
}

fn tenant() -> (Items, Sales) {
    let cache = Cache::new();
    (Items { cache: cache.clone() }, Sales { cache })
}

fn is_warned_of(function: &str) -> bool {
    graph().warnings().iter().any(|warning| {
        matches!(warning, Warning::NeverCachedThere { mutation, .. }
            if mutation.function == function && mutation.module == module_path!())
    })
}

#[test]
fn a_write_that_has_reached_the_query_of_one_tenant_is_no_warning_in_another() {
    let (items, sales) = tenant();
    items.item();
    sales.sell();
    let (_others, other_sales) = tenant();
    other_sales.sell();
    assert!(!is_warned_of("sell"));
}

#[test]
fn the_order_of_the_tenants_does_not_matter() {
    let (items, sales) = tenant();
    let (others, other_sales) = tenant();
    items.price();
    other_sales.discount();
    assert!(is_warned_of("discount"), "nothing else is known");
    others.price();
    assert!(!is_warned_of("discount"), "it has been the cache of both");
    sales.discount();
    assert!(!is_warned_of("discount"));
}
