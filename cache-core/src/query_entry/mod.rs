//! One entry of an annotated query, as a handle.

pub(crate) mod explanation;
pub(crate) mod keyed;
pub(crate) mod put;

use std::fmt;
use std::marker::PhantomData;

use crate::entry::info::EntryInfo;
use crate::history::Writer;
use crate::query_entry::explanation::Explanation;
use crate::query_entry::keyed::TypedEntry;
use crate::read_point::ReadPoint;

/// One entry of an annotated query, with the type of its value: see [`entry!`](crate::entry).
///
/// It holds a copy of the key and a handle of the cache, and runs no body of a query.
///
/// Through a handle that [bypasses](crate::Cache::bypass) or [refreshes](crate::Cache::refresh) the cache, or is in a
/// [transaction](crate::CacheTransaction), nothing is taken from the cache, and [`get`](QueryEntry::get) returns `None`.
///
/// # Locking
///
/// As for a hit, a removal, or an insert: see [`Cache`](crate::Cache#locking).
#[must_use = "it does nothing by itself"]
pub struct QueryEntry<'a, V> {
    entry: Box<dyn TypedEntry<V>>,
    repository: PhantomData<&'a ()>,
}

impl<V> QueryEntry<'_, V> {
    pub(crate) fn new(entry: Box<dyn TypedEntry<V>>) -> Self {
        Self { entry, repository: PhantomData }
    }

    pub(crate) fn into_inner(self) -> Box<dyn TypedEntry<V>> {
        self.entry
    }

    /// The value, if it is cached. It counts as a hit or a miss of the query.
    ///
    /// In a load it counts as read, like a call of the query.
    ///
    /// # Panics
    ///
    /// When `Eq` of an argument or `Clone` of the value does.
    pub fn get(&self) -> Option<V> {
        self.entry.get()
    }

    /// Whether the value is cached. It counts as no hit or miss, and does not keep the entry from being evicted.
    ///
    /// In a load it counts as read.
    #[must_use = "it changes nothing"]
    pub fn is_cached(&self) -> bool {
        self.entry.is_cached()
    }

    /// Stores a value that is current now, in place of the cached one. What was made from that is invalidated. Returns
    /// whether it is stored.
    ///
    /// The entry has the tags and the time to live that the query gives it. If the value was read from a database, use
    /// [`insert_if_current`](QueryEntry::insert_if_current): it may have changed since.
    ///
    /// The value is not stored, and the entry is invalidated instead,
    ///
    /// - if `cache_if` of the query refuses it, or if `cache_if` or `tags_from` depends on its arguments or on `self`,
    /// - if a load of the query has read other cached queries: the entry would not be invalidated with them,
    /// - through a handle that bypasses the cache, or is in a transaction; there the invalidation is held,
    /// - while a commit may still happen that invalidates it: see [`CacheTransaction`](crate::CacheTransaction).
    ///
    /// # Panics
    ///
    /// When `Eq` or `Clone` of an argument, `cache_if` or `tags_from` does.
    #[track_caller]
    pub fn insert(&self, value: V) -> bool {
        self.entry.insert(None, value, Writer::call("insert"))
    }

    /// Like [`insert`](QueryEntry::insert), for a value that was read at or after a [`ReadPoint`] of the same cache.
    ///
    /// If the entry may have been invalidated in between, nothing changes, and it returns false. It is certain for an
    /// invalidation of this key if this handle was made before the point; otherwise an invalidation of any key of the
    /// query counts. Its time to live begins at the point.
    ///
    /// ```
    /// # use cache_core::{cached_query, entry, Cache, HasCache};
    /// # #[derive(HasCache)]
    /// # struct Repo { cache: Cache }
    /// impl Repo {
    ///     #[cached_query(ttl = "5m")]
    ///     fn name(&self, id: u32) -> String {
    ///         format!("user {id}")
    ///     }
    ///
    ///     fn warm_up(&self) {
    ///         let point = self.cache.read_point();
    ///         let rows = [(1, "Ada"), (2, "Grace")]; // read from a database
    ///         for (id, name) in rows {
    ///             entry!(self.name(id)).insert_if_current(&point, name.to_owned());
    ///         }
    ///     }
    /// }
    ///
    /// let repo = Repo { cache: Cache::new() };
    /// repo.warm_up();
    /// assert_eq!(repo.name(1), "Ada");
    ///
    /// let point = repo.cache.read_point();
    /// repo.cache.invalidate(["name"]);
    /// assert!(!entry!(repo.name(1)).insert_if_current(&point, "Ada".into()), "it may have been renamed");
    /// ```
    #[track_caller]
    pub fn insert_if_current(&self, point: &ReadPoint, value: V) -> bool {
        self.entry.insert(Some(point), value, Writer::call("insert_if_current"))
    }

    /// Invalidates the entry, and all that was made from its value. Returns whether it was cached.
    ///
    /// A load in flight is not stored, and no later call joins it. In a transaction it is held until the commit. Through
    /// a root handle it reaches the key in every scope; the answer is about the root.
    #[track_caller]
    pub fn invalidate(&self) -> bool {
        self.entry.invalidate(Writer::call("invalidate"))
    }

    /// The description of the entry, if it is cached.
    pub fn info(&self) -> Option<EntryInfo> {
        self.entry.info()
    }

    /// Says whether and why it is cached or not.
    pub fn explain(&self) -> Explanation {
        self.entry.explain()
    }
}

impl<V> fmt::Debug for QueryEntry<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueryEntry").field(&self.entry.call()).finish()
    }
}

impl<V> std::panic::UnwindSafe for QueryEntry<'_, V> {}
impl<V> std::panic::RefUnwindSafe for QueryEntry<'_, V> {}

/// One entry of an annotated query: write the call, without running it.
///
/// ```
/// use cache_core::{cached_query, entry, Cache, HasCache};
///
/// #[derive(HasCache)]
/// struct Library { cache: Cache }
///
/// impl Library {
///     #[cached_query(ttl = "5m", tags("track:{id}"))]
///     fn get_track(&self, id: u32) -> Option<String> {
///         Some(format!("track {id}"))
///     }
/// }
///
/// let library = Library { cache: Cache::new() };
/// let entry = entry!(library.get_track(5));
/// assert_eq!(entry.get(), None);
/// let words = "`get_track(id = 5)` is not cached: it was not loaded, was not stored, or has left the cache";
/// assert_eq!(entry.explain().to_string(), words);
/// library.get_track(5);
/// assert_eq!(entry.get(), Some(Some("track 5".into())));
/// assert!(entry.invalidate() && !entry.is_cached());
/// ```
///
/// It takes a call of a method, `entry!(library.get_track(5))`, or of a path, `entry!(rates::current("EUR"))`, sync or
/// async, without `.await`, and gives a [`QueryEntry`]. The query must be one of a concrete type: not of a `dyn Trait` or
/// a `T: Trait`. For the `impl` of a trait under `#[cached_impl]`, it works in the module of that `impl`. A function is
/// named with its module, as in `rates::current`: an imported name is not found.
#[macro_export]
macro_rules! entry {
    ($($call:tt)*) => {
        $crate::private::entry_of_call! { $crate, $($call)* }
    };
}
