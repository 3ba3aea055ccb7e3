//! Functions that are called through a transaction's handle.

use crate::cache::Cache;

/// The cache of a function with `in_transaction`.
///
/// # Panics
///
/// If it is no handle of a transaction: what the function writes may not be committed when it returns.
#[track_caller]
pub fn in_transaction<'a>(cache: &'a Cache, function: &str) -> &'a Cache {
    assert!(
        cache.transaction_state().is_some(),
        "`{function}` is `in_transaction`: call it on a repository that is built on the handle of a transaction, \
         `cache.transaction().cache()`"
    );
    cache
}
