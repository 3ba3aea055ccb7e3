//! The repository that is measured. Its data costs nothing.

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(Clone, HasCache)]
pub(crate) struct Library {
    pub(crate) cache: Cache,
}

impl Library {
    pub(crate) fn new(cache: Cache) -> Self {
        Self { cache }
    }

    #[cached_query(ttl = "1h", shared)]
    pub(crate) fn number(&self, key: u64) -> u64 {
        key
    }

    #[cached_query(ttl = "1h", shared)]
    pub(crate) async fn text(&self, key: u64, bytes: usize) -> String {
        let _ = key;
        "x".repeat(bytes)
    }

    #[invalidates(number(key))]
    pub(crate) async fn write(&self, key: u64) {
        let _ = key;
    }
}
