//! Scopes: parts of one cache whose entries are apart.

use crate::sync::{Arc, Map, Mutex, Weak};
use crate::version::InvalidatedAt;

/// Tells apart the entries of different scopes. No two living scopes of a cache have the same.
pub(crate) type ScopeId = u32;

/// What is in no scope.
pub(crate) const ROOT: ScopeId = 0;

/// A scope lives for as long as a handle or an entry is in it.
pub(crate) struct Scope {
    pub(crate) id: ScopeId,
    pub(crate) name: Arc<str>,
    /// When the whole scope was last invalidated.
    pub(crate) invalidated_at: InvalidatedAt,
    home: Arc<Scopes>,
}

/// What a handle is on: a scope, or the root.
pub(crate) type ScopeRef<'a> = Option<&'a Arc<Scope>>;

pub(crate) fn scope_id(scope: ScopeRef<'_>) -> ScopeId {
    scope.map_or(ROOT, |scope| scope.id)
}

/// The scopes of one cache, by name.
pub(crate) struct Scopes {
    by_name: Map<Arc<str>, Weak<Scope>>,
    ids: Mutex<Ids>,
}

#[derive(Default)]
struct Ids {
    taken: ScopeId,
    returned: Vec<ScopeId>,
}

impl Scopes {
    pub(crate) fn new(parts: usize) -> Self {
        Self { by_name: Map::new(parts), ids: Mutex::default() }
    }

    pub(crate) fn get_or_make(self: &Arc<Self>, name: &str) -> Arc<Scope> {
        if let Some(scope) = self.by_name.look(name, Weak::upgrade).flatten() {
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
        Arc::new(Scope { id, name, invalidated_at, home: self.clone() })
    }
}

impl Ids {
    fn take(&mut self) -> ScopeId {
        self.returned.pop().unwrap_or_else(|| {
            self.taken += 1;
            self.taken
        })
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // A scope of the same name may have been made since; that one stays.
        self.home.by_name.remove_if(&*self.name, |found| found.strong_count() == 0);
        self.home.ids.lock().returned.push(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_lasts_as_long_as_it_is_held_and_its_id_is_used_again() {
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
