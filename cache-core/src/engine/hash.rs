//! The hashes of keys.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::{FoldHasher, RandomState};
use once_cell::sync::Lazy;

use crate::version::scope::ScopeId;

/// One for all caches of this process: a key has the same hash in each.
pub(crate) static HASHER: Lazy<RandomState> = Lazy::new(RandomState::default);

/// Outside of all scopes.
pub(crate) fn hash_key(write: impl FnOnce(&mut FoldHasher<'_>)) -> u64 {
    hash_with(&HASHER, write)
}

pub(crate) fn hash_with(hasher: &RandomState, write: impl FnOnce(&mut FoldHasher<'_>)) -> u64 {
    let mut hasher = hasher.build_hasher();
    write(&mut hasher);
    hasher.finish()
}

/// From its hash outside of all scopes.
pub(crate) fn in_scope(hash: u64, scope: ScopeId) -> u64 {
    /// Spreads small numbers over all bits: the fraction of the square root of 2.
    const SPREAD: u64 = 0x6A09_E667_F3BC_C909;
    hash ^ u64::from(scope).wrapping_mul(SPREAD)
}

/// The inverse of [`in_scope`].
pub(crate) fn without_scope(hash: u64, scope: ScopeId) -> u64 {
    // Exclusive or undoes itself.
    in_scope(hash, scope)
}
