//! An entry before it has a value.

use crate::clock::Nanos;
use crate::version::scope::ScopeId;
use crate::version::tag_set::TagSet;

pub(crate) struct Candidate<K> {
    pub(crate) key: K,
    pub(crate) hash: u64,
    pub(crate) scope: ScopeId,
    pub(crate) ttl: Nanos,
    /// Whether its own ttl alone decides when it expires.
    pub(crate) own_ttl: bool,
    pub(crate) tags: TagSet,
}

impl<K> Candidate<K> {
    pub(crate) fn expires_at(&self, began: Nanos) -> Nanos {
        began.saturating_add(self.ttl)
    }
}

impl Candidate<()> {
    pub(crate) fn with_key<K>(self, key: K) -> Candidate<K> {
        let Self { key: (), hash, scope, ttl, own_ttl, tags } = self;
        Candidate { key, hash, scope, ttl, own_ttl, tags }
    }
}
