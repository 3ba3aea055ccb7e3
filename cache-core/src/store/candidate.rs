//! What is known of an entry before it has a value.

use crate::clock::Nanos;
use crate::version::scope::ScopeId;
use crate::version::tag_set::TagSet;

/// An entry that has no value yet.
pub(crate) struct Candidate<K> {
    pub(crate) key: K,
    pub(crate) hash: u64,
    pub(crate) scope: ScopeId,
    pub(crate) ttl: Nanos,
    /// Whether it expires by its own ttl alone, whatever its value is made from.
    pub(crate) own_ttl: bool,
    pub(crate) tags: TagSet,
}

impl<K> Candidate<K> {
    pub(crate) fn expires_at(&self, began: Nanos) -> Nanos {
        began.saturating_add(self.ttl)
    }
}

impl Candidate<()> {
    /// Adds the key.
    pub(crate) fn with_key<K>(self, key: K) -> Candidate<K> {
        let Self { key: (), hash, scope, ttl, own_ttl, tags } = self;
        Candidate { key, hash, scope, ttl, own_ttl, tags }
    }
}
