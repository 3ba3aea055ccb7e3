//! Invalidation policies to compare.

use cache_core::{Cache, HasCache};

use crate::{error::DbError, manager::LibraryManager, workload::step::Mutation};

/// What is cached, and what a mutation invalidates.
///
/// [`LibraryManager`] invalidates by key: a policy varies its cache, and what follows each mutation.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The name in tables.
    pub name: &'static str,
    /// Makes the manager's cache.
    pub cache: fn() -> Cache,
    /// Called after each mutation.
    pub after_mutation: fn(&LibraryManager, &Mutation) -> Result<(), DbError>,
}

impl Policy {
    /// Every read goes to the database.
    pub const NO_CACHE: Self =
        Self { name: "no cache", cache: || Cache::builder().capacity(0).build(), after_mutation: |_, _| Ok(()) };

    /// Every mutation invalidates the whole cache.
    pub const INVALIDATE_ALL: Self = Self {
        name: "invalidate all",
        cache: Cache::new,
        after_mutation: |manager, _| {
            manager.cache().invalidate_all();
            Ok(())
        },
    };

    /// Every mutation invalidates all entries of the queries it names.
    pub const INVALIDATE_BY_NAME: Self = Self {
        name: "invalidate by name",
        cache: Cache::new,
        after_mutation: |manager, mutation| {
            // No row shows whether a track is a favourite.
            if !matches!(mutation, Mutation::Favorite(..)) {
                manager.cache().invalidate(["get_track"]);
            }
            Ok(())
        },
    };

    /// Every mutation invalidates one entry of `get_track`, and all entries of the other queries it names.
    pub const INVALIDATE_BY_KEY: Self =
        Self { name: "invalidate by key", cache: Cache::new, after_mutation: |_, _| Ok(()) };
}
