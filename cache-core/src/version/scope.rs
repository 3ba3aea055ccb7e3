//! Scopes: named parts of one cache, each with entries of its own.
//!
//! *Locking*: a scope is made, and removed, under the lock of its part of the map of names; `ids` is locked under it or
//! alone.

use crate::sync::{Arc, Map, Mutex, Weak};
use crate::version::InvalidatedAt;

/// Unique among the living scopes of a cache.
pub(crate) type ScopeId = u32;

/// The id of entries that are in no scope.
pub(crate) const ROOT: ScopeId = 0;

/// Lives as long as a handle or an entry refers to it.
pub(crate) struct Scope {
    pub(crate) id: ScopeId,
    pub(crate) name: Arc<str>,
    pub(crate) invalidated_at: InvalidatedAt,
    scopes: Arc<Scopes>,
}

/// `None` is the root.
pub(crate) type ScopeRef<'a> = Option<&'a Arc<Scope>>;

pub(crate) fn scope_id(scope: ScopeRef<'_>) -> ScopeId {
    scope.map_or(ROOT, |scope| scope.id)
}

pub(crate) struct Scopes {
    by_name: Map<Arc<str>, Weak<Scope>>,
    ids: Mutex<Ids>,
}

#[derive(Default)]
struct Ids {
    last: ScopeId,
    /// Ids of dropped scopes, to be reused.
    returned: Vec<ScopeId>,
}

impl Scopes {
    pub(crate) fn new(parts: usize) -> Self {
        Self { by_name: Map::new(parts), ids: Mutex::default() }
    }

    pub(crate) fn get_or_make(self: &Arc<Self>, name: &str) -> Arc<Scope> {
        if let Some(scope) = self.by_name.view(name, Weak::upgrade).flatten() {
            return scope;
        }
        let name: Arc<str> = name.into();
        self.by_name.with(
            name.clone(),
            |_| Weak::new(),
            |found| {
                found.upgrade().unwrap_or_else(|| {
                    let scope = self.make(name);
                    *found = Arc::downgrade(&scope);
                    scope
                })
            },
        )
    }

    fn make(self: &Arc<Self>, name: Arc<str>) -> Arc<Scope> {
        let (id, invalidated_at) = (self.ids.lock().take(), InvalidatedAt::default());
        Arc::new(Scope { id, name, invalidated_at, scopes: self.clone() })
    }
}

impl Ids {
    fn take(&mut self) -> ScopeId {
        self.returned.pop().unwrap_or_else(|| {
            self.last += 1;
            self.last
        })
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // A scope of the same name may have been made since: that one stays.
        self.scopes.by_name.remove_if(&*self.name, |found| found.strong_count() == 0);
        self.scopes.ids.lock().returned.push(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_lives_as_long_as_it_is_referenced_and_its_id_is_reused() {
        let scopes = Arc::new(Scopes::new(2));
        let first = scopes.get_or_make("a");
        assert!(Arc::ptr_eq(&first, &scopes.get_or_make("a")));
        let other = scopes.get_or_make("b");
        assert_ne!(first.id, other.id);
        assert!(![first.id, other.id].contains(&ROOT));

        let id = first.id;
        drop(first);
        assert_eq!(scopes.by_name.len(), 1);
        assert_eq!(scopes.get_or_make("a").id, id);
    }
}
