//! The primitives that threads meet at, named once so that a model checker can take their place.

pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
pub(crate) use std::sync::{Arc, OnceLock, Weak};

pub(crate) use parking_lot::{Mutex, RwLock, RwLockReadGuard};
