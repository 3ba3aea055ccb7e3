//! Errors.

use std::error::Error;
use std::fmt;

/// The global cache was used or installed before: see
/// [`CacheBuilder::install_global`](crate::CacheBuilder::install_global).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GlobalCacheInUse;

impl fmt::Display for GlobalCacheInUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the global cache exists already; install yours at the start of `main`, before it is first used")
    }
}

impl Error for GlobalCacheInUse {}
