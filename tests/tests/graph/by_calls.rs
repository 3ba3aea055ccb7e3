//! Queries that only calls of methods invalidate, which no attribute tells.

use cache_core::{Cache, HasCache, Warning, cached_query, entry, graph};

#[derive(HasCache)]
struct Calls {
    cache: Cache,
}

impl Calls {
    #[cached_query]
    fn by_entry(&self, id: u32) -> u32 {
        id
    }

    #[cached_query]
    fn by_all(&self) -> u32 {
        1
    }

    #[cached_query]
    fn by_nothing(&self) -> u32 {
        1
    }
}

fn is_never(query: &str) -> bool {
    graph().warnings().iter().any(|warning| {
        matches!(warning, Warning::NeverInvalidated { query: never, .. }
            if never.function == query && never.module == module_path!())
    })
}

/// All in one test: a call is of the process.
#[test]
fn what_a_call_has_invalidated_is_no_warning() {
    let calls = Calls { cache: Cache::new() };
    for query in ["by_entry", "by_all", "by_nothing"] {
        assert!(is_never(query), "{query}");
    }
    let transaction = calls.cache.transaction();
    let inside = Calls { cache: transaction.cache() };
    calls.by_entry(1);
    entry!(inside.by_entry(1)).invalidate();
    assert!(is_never("by_entry"), "it is held");
    transaction.commit();
    assert!(!is_never("by_entry"));

    calls.by_all();
    let other = Calls { cache: Cache::new() };
    other.by_nothing();
    calls.cache.scope("a").invalidate_all();
    assert!(!is_never("by_all") && is_never("by_nothing"), "that is in another cache");
}
