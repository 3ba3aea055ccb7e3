//! The handle that a repository holds.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use once_cell::sync::OnceCell;

use crate::clock::{Clock, TimeSource};
use crate::engine::Engine;
use crate::engine::invalidation::TargetRef;
use crate::engine::settings::Settings;
use crate::entry::info::EntryInfo;
use crate::error::GlobalCacheInUse;
use crate::stats::{QueryStats, Stats};
use crate::sync::Arc;
use crate::version::scope::{Scope, ScopeRef};

/// A cache of the answers of annotated functions.
///
/// It is a handle: a clone is the same cache and the same scope. A repository has one as a field, and
/// `#[derive(HasCache)]` tells the attributes which.
///
/// # What is shared
///
/// Two values of one type that hold clones of one handle share their entries. That is right for a
/// repository that is built anew for each request:
///
/// ```
/// # use cache_core::{cached_query, Cache, HasCache};
/// #[derive(HasCache)]
/// struct Users { tenant: u32, cache: Cache }
///
/// impl Users {
///     #[cached_query(ttl = "5m")]
///     fn name(&self, id: u32) -> String {
///         format!("user {id} of tenant {}", self.tenant)
///     }
/// }
///
/// let cache = Cache::new();
/// let request = |tenant| Users { tenant, cache: cache.clone() };
/// request(1).name(7);
/// request(1).name(7);
/// assert_eq!(cache.stats().hits, 1);
/// ```
///
/// It is wrong for two databases or two tenants: the key is the arguments of a call, and nothing of `self`. Those take a
/// cache each, or a [`scope`](Cache::scope) each:
///
/// ```
/// # use cache_core::{cached_query, Cache, HasCache};
/// # #[derive(HasCache)]
/// # struct Users { tenant: u32, cache: Cache }
/// # impl Users {
/// #     #[cached_query(ttl = "5m")]
/// #     fn name(&self, id: u32) -> String {
/// #         format!("user {id} of tenant {}", self.tenant)
/// #     }
/// # }
/// let cache = Cache::new();
/// let request = |tenant| Users { tenant, cache: cache.scope(&format!("tenant:{tenant}")) };
/// assert_eq!(request(1).name(7), "user 7 of tenant 1");
/// assert_eq!(request(2).name(7), "user 7 of tenant 2");
/// ```
///
/// # Locking
///
/// Bodies, closures, `Clone`, `Drop`, `Debug` and `Hash` run with no lock held that another call waits for, and may use
/// the cache like any other code. `Eq` of arguments is the one exception: it may run under the lock of a shard, and
/// must not use the cache. User code that panics leaves the cache consistent.
///
/// A hit clones the value where it is stored, and no other call waits for that: one that changes the same shard meanwhile
/// goes on with a copy of its table, which holds pointers and no values. Hits of several threads do not wait for each other.
///
/// A call that misses waits for the body of another call with the same key, if one is running: see
/// [`cached_query`](macro@crate::cached_query). `{:?}` shows how many loads are in flight and how many callers wait for
/// one, in all scopes; `None` if a lock was held just then. It never waits itself.
///
/// # Memory
///
/// The capacity bounds the number of entries. Dead ones, expired or invalidated, are freed as others are inserted,
/// whether the cache is full or not, or all at once by [`purge`](Cache::purge). A removed value is dropped by the call
/// that removed it. If values of the same shard were being cloned just then, it is dropped when those clones are over,
/// by the call that made the last of them, or at the latest by the next call that changes the shard. A `Drop` that
/// panics there is counted in [`Stats::drop_panics`], and goes no further.
#[derive(Clone)]
pub struct Cache {
    engine: Arc<Engine>,
    scope: Option<Arc<Scope>>,
}

impl Cache {
    /// A cache with the default settings: 10,000 entries, 300 seconds.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A builder, for other settings than the default ones.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::default()
    }

    pub(crate) fn from_settings(settings: Settings) -> Self {
        Self { engine: Arc::new(Engine::new(settings)), scope: None }
    }

    /// The cache of annotated functions that are not methods.
    ///
    /// It is made with the default settings when it is first used, unless [`CacheBuilder::install_global`] came before.
    ///
    /// ```
    /// #[cache_core::cached_query(ttl = "5m")]
    /// fn rate(currency: &str) -> f64 {
    ///     currency.len() as f64 // think of a request
    /// }
    ///
    /// rate("EUR");
    /// assert_eq!(cache_core::Cache::global().len(), 1);
    /// ```
    pub fn global() -> &'static Self {
        GLOBAL.get_or_init(Self::new)
    }

    /// A handle on a part of this cache whose entries are separate from all others.
    ///
    /// Invalidations through its handle reach this scope only; through the root handle they reach every scope, at the same
    /// cost with any number of scopes. What is read through the root handle is in no scope, and no invalidation through a
    /// scoped handle reaches it. Scopes are not nested: the scope of a scoped handle is another scope of the root. A scope
    /// has no capacity of its own, and leaves with its last handle or entry. `""` is a name like others.
    ///
    /// ```
    /// let cache = cache_core::Cache::new();
    /// let (first, second) = (cache.scope("tenant:1"), cache.scope("tenant:2"));
    /// first.invalidate_all(); // entries of `second` stay
    /// cache.invalidate_all(); // nothing stays
    /// # let _ = second;
    /// ```
    #[must_use = "it changes nothing here: use the handle that it returns"]
    pub fn scope(&self, name: &str) -> Self {
        Self { engine: self.engine.clone(), scope: Some(self.engine.scope(name)) }
    }

    /// Invalidates all entries of the queries of these names, in every type, and all that was made from them.
    ///
    /// A query's name is what its `name = ".."` says, or else the function's. Names are compared whole, and one that no query
    /// has does nothing: prefer `#[invalidates]`, which the compiler checks. When this returns, no call that starts later
    /// gets a value whose load began before, nor one that was made from such a value. All names take effect at one version:
    /// no load sees some of them and not the others. The cost does not depend on the number of entries or scopes.
    ///
    /// # Panics
    ///
    /// When the iterator or an `AsRef` does. All other names that the iterator gave are invalidated before the panic goes
    /// on.
    ///
    /// ```
    /// # let cache = cache_core::Cache::new();
    /// cache.invalidate(["get_all_tracks", "search_tracks"]);
    /// ```
    pub fn invalidate<T: AsRef<str>>(&self, queries: impl IntoIterator<Item = T>) {
        self.engine.invalidate_names(self.scope_ref(), queries);
    }

    /// Invalidates all entries that have one of these tags. Otherwise like [`invalidate`](Cache::invalidate).
    ///
    /// `tags(..)` and `tags_from = ..` of a query give its entries tags. What was made from such an entry is invalidated with
    /// it.
    ///
    /// ```
    /// # let cache = cache_core::Cache::new();
    /// cache.invalidate_tags(["artist:22"]);
    /// ```
    pub fn invalidate_tags<T: AsRef<str>>(&self, tags: impl IntoIterator<Item = T>) {
        self.engine.invalidate_tags(self.scope_ref(), tags);
    }

    /// Invalidates everything, or through a scoped handle everything in the scope. Otherwise like
    /// [`invalidate`](Cache::invalidate).
    ///
    /// ```
    /// # let cache = cache_core::Cache::new();
    /// cache.invalidate_all();
    /// assert!(cache.is_empty());
    /// ```
    pub fn invalidate_all(&self) {
        self.engine.invalidate(&[(self.scope_ref(), TargetRef::Everything)]);
    }

    /// Frees the memory of all entries that have expired or were invalidated, in all scopes, and of tables that have
    /// become too large.
    ///
    /// A cache that goes on inserting does not need it: each insert frees dead entries that it comes across. It looks at
    /// every entry.
    ///
    /// *Locking*: as for [`len`](Cache::len). At the end each table is locked while it is shrunk.
    pub fn purge(&self) {
        self.engine.purge();
    }

    /// The number of live entries: neither expired nor invalidated. Through a scoped handle, of those in
    /// the scope.
    ///
    /// It takes time in proportion to all entries, dead ones and those of other scopes included, and is exact when no other
    /// thread adds or removes any. It runs no user code, other than a custom clock, and the `Drop` of a value that another
    /// call removes meanwhile.
    ///
    /// *Locking*: locks that inserts take too, one after another, each for as long as it takes to list 128 entries.
    pub fn len(&self) -> usize {
        self.engine.storage.len(self.scope_ref())
    }

    /// Whether there is no live entry; through a scoped handle, none in the scope.
    ///
    /// It stops at the first live entry, and passes over those that are dead or in other scopes. Otherwise like
    /// [`len`](Cache::len).
    pub fn is_empty(&self) -> bool {
        !self.engine.storage.any_live(self.scope_ref())
    }

    /// The figures of the whole cache since it was built, also through a scoped handle.
    ///
    /// [`Stats::entries`] costs what [`len`](Cache::len) costs. The counters are summed up without a lock, over a few
    /// stripes per processor for each query.
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }

    /// The figures of each query that was used with this cache, in the order of their names. It costs what
    /// [`stats`](Cache::stats) costs.
    pub fn query_stats(&self) -> Vec<QueryStats> {
        self.engine.query_stats()
    }

    /// All live entries: what is cached right now, and why. Through a scoped handle, those in the scope.
    ///
    /// It writes out the arguments of every entry, for people to read. It is no snapshot: of what other threads add and
    /// remove meanwhile some is listed and some is not.
    ///
    /// *Locking*: as for [`len`](Cache::len). The `Debug` of arguments runs with no lock held, and may use the cache.
    ///
    /// ```
    /// # use cache_core::{cached_query, Cache, HasCache};
    /// # #[derive(HasCache)]
    /// # struct Repo { cache: Cache }
    /// impl Repo {
    ///     #[cached_query(ttl = "5m")]
    ///     fn page(&self, limit: u32, offset: u32) -> Vec<u32> {
    ///         (offset..offset + limit).collect()
    ///     }
    /// }
    ///
    /// let repo = Repo { cache: Cache::new() };
    /// repo.page(10, 0);
    /// let entry = &repo.cache.entries()[0];
    /// assert_eq!((entry.query, entry.arguments.as_str()), ("page", "limit = 10, offset = 0"));
    /// ```
    pub fn entries(&self) -> Vec<EntryInfo> {
        self.engine.storage.entries(self.scope_ref())
    }

    /// Panics if the cache contradicts itself: for tests.
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        self.engine.storage.check_invariants();
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(crate) fn scope_ref(&self) -> ScopeRef<'_> {
        self.scope.as_ref()
    }
}

// No invariant is broken while user code runs: a panic in it leaves a cache as it was.
impl UnwindSafe for Cache {}
impl RefUnwindSafe for Cache {}

impl Default for Cache {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flights = self.engine.storage.count_flights();
        f.debug_struct("Cache")
            .field("scope", &self.scope_ref().map(|scope| &scope.name))
            .field("capacity", &self.engine.capacity())
            .field("loads_in_flight", &flights.map(|(loads, _)| loads))
            .field("callers_waiting", &flights.map(|(_, waiting)| waiting))
            .finish_non_exhaustive()
    }
}

static GLOBAL: OnceCell<Cache> = OnceCell::new();

fn install(cache: Cache) -> Result<&'static Cache, GlobalCacheInUse> {
    match GLOBAL.try_insert(cache) {
        Ok(cache) => Ok(cache),
        Err(_) => Err(GlobalCacheInUse),
    }
}

/// Builds a [`Cache`].
///
/// ```
/// use std::time::Duration;
/// use cache_core::Cache;
///
/// let cache = Cache::builder().capacity(100_000).default_ttl(Duration::from_secs(60)).build();
/// assert_eq!(cache.stats().capacity, 100_000);
/// ```
#[derive(Debug, Default)]
#[must_use = "it builds nothing until `build` is called"]
pub struct CacheBuilder {
    settings: Settings,
}

impl CacheBuilder {
    /// The most entries there may be, of all queries together; 10,000 if not set.
    ///
    /// An entry counts as one, whatever its size. With 0 nothing is stored, and every call loads. Above 268,435,456 (2^28)
    /// it makes no difference.
    pub fn capacity(mut self, entries: usize) -> Self {
        self.settings.capacity = entries;
        self
    }

    /// How long a value may be served if its query has no `ttl`; 300 seconds if not set.
    ///
    /// It is counted from the start of the load. A value that was made from other cached values expires no later than they
    /// do, unless its query says `own_ttl`. With zero no value is ever served from the cache; more than 584 years are
    /// forever.
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.settings.default_ttl = ttl;
        self
    }

    /// The clock to use instead of [`SystemClock`](crate::SystemClock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.settings.time = TimeSource::new(clock);
        self
    }

    /// Builds the cache.
    pub fn build(self) -> Cache {
        Cache::from_settings(self.settings)
    }

    /// Builds the cache that [`Cache::global`] returns, for annotated functions that are not methods.
    ///
    /// # Errors
    ///
    /// If there is a global cache already: one was installed, or [`Cache::global`] was called.
    ///
    /// ```
    /// use cache_core::Cache;
    ///
    /// let cache = Cache::builder().capacity(500).install_global()?;
    /// assert_eq!(cache.stats().capacity, 500);
    /// assert!(Cache::builder().install_global().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn install_global(self) -> Result<&'static Cache, GlobalCacheInUse> {
        install(self.build())
    }
}
