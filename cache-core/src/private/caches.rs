//! The caches that a mutation knows.

/// A method knows the cache of its `self`, and the global one.
#[derive(Debug)]
pub enum OfMethod {}

/// A function without `self` knows the global cache.
#[derive(Debug)]
pub enum OfFunction {}

/// With a `cache = ..`, all targets are in that cache.
#[derive(Debug)]
pub enum OtherCache {}

/// The caches that a mutation knows.
pub trait Caches {
    /// Whether it is that of `self`, so that the global cache may be another.
    const IS_OF_METHOD: bool;
}

impl Caches for OfMethod {
    const IS_OF_METHOD: bool = true;
}

impl Caches for OfFunction {
    const IS_OF_METHOD: bool = false;
}

impl Caches for OtherCache {
    const IS_OF_METHOD: bool = false;
}
