//! Where an annotated method finds its cache.

use std::rc::Rc;

use crate::cache::Cache;
use crate::sync::Arc;

/// Says which [`Cache`] the annotated methods of a type use.
///
/// Derive it for a type with a field of type `Cache`. If there are several, or the type's name is an alias, mark the
/// field with `#[cache]`.
///
/// ```
/// use cache_core::{Cache, HasCache};
///
/// #[derive(HasCache)]
/// struct LibraryManager {
///     cache: Cache,
/// }
///
/// struct Borrowing<'a> {
///     manager: &'a LibraryManager,
/// }
///
/// impl HasCache for Borrowing<'_> {
///     fn cache(&self) -> &Cache {
///         self.manager.cache()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which cache it uses",
    label = "no cache known for this type",
    note = "give it a field `cache: Cache` and `#[derive(HasCache)]`, or name the cache in the attribute: `cache = self.shared.cache()`"
)]
pub trait HasCache {
    /// The cache.
    fn cache(&self) -> &Cache;
}

#[diagnostic::do_not_recommend]
impl HasCache for Cache {
    fn cache(&self) -> &Cache {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T: HasCache + ?Sized> HasCache for &T {
    fn cache(&self) -> &Cache {
        (**self).cache()
    }
}

#[diagnostic::do_not_recommend]
impl<T: HasCache + ?Sized> HasCache for &mut T {
    fn cache(&self) -> &Cache {
        (**self).cache()
    }
}

#[diagnostic::do_not_recommend]
impl<T: HasCache + ?Sized> HasCache for Rc<T> {
    fn cache(&self) -> &Cache {
        (**self).cache()
    }
}

#[diagnostic::do_not_recommend]
impl<T: HasCache + ?Sized> HasCache for Box<T> {
    fn cache(&self) -> &Cache {
        (**self).cache()
    }
}

#[diagnostic::do_not_recommend]
impl<T: HasCache + ?Sized> HasCache for Arc<T> {
    fn cache(&self) -> &Cache {
        (**self).cache()
    }
}

#[cfg(all(test, feature = "macros", not(shuttle)))]
mod tests {
    use super::*;
    use crate::{cached_query, invalidates};

    #[derive(crate::HasCache)]
    struct Shared {
        cache: Cache,
    }

    struct Repo<T>(T);

    impl<T: HasCache> HasCache for Repo<T> {
        fn cache(&self) -> &Cache {
            self.0.cache()
        }
    }

    impl<T: HasCache + 'static> Repo<T> {
        #[cached_query]
        fn find(&self, id: u32) -> u32 {
            id
        }

        #[invalidates(find(id))]
        fn write(&mut self, id: u32) {
            let _ = id;
        }
    }

    fn is_cached<T: HasCache + 'static>(held: T) {
        let mut repo = Repo(held);
        repo.cache().invalidate_all();
        assert_eq!((repo.find(1), repo.find(1), repo.find(2)), (1, 1, 2));
        assert_eq!(repo.cache().len(), 2);
        repo.write(1);
        assert_eq!(repo.cache().len(), 1);
    }

    #[test]
    fn a_repository_behind_any_pointer_has_its_cache() {
        let shared = || Shared { cache: Cache::new() };
        is_cached(shared());
        is_cached::<&Shared>(Box::leak(Box::new(shared())));
        is_cached::<&mut Shared>(Box::leak(Box::new(shared())));
        is_cached(Rc::new(shared()));
        is_cached(Arc::new(shared()));
        is_cached(Box::new(shared()));
        is_cached::<Box<dyn HasCache>>(Box::new(shared()));
        is_cached(Rc::new(Box::new(Arc::new(shared()))));
        is_cached(Cache::new());
    }

    #[test]
    fn a_cache_of_dead_entries_is_empty() {
        let clock = crate::ManualClock::new();
        let cache = Cache::builder().clock(clock.clone()).build();
        let (tenant, mut repo) = (cache.scope("tenant"), Repo(cache.clone()));
        repo.find(1);
        assert!(!cache.is_empty() && tenant.is_empty());
        repo.write(1);
        assert!(cache.is_empty());
        repo.find(1);
        clock.advance(std::time::Duration::from_secs(300));
        assert!(cache.is_empty());
        let nothing = Cache::builder().capacity(0).build();
        Repo(nothing.clone()).find(1);
        assert!(nothing.is_empty());
    }
}
