//! The handle that a repository holds.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe, resume_unwind};
use std::time::Duration;

use once_cell::sync::OnceCell;
use smol_str::SmolStr;

use crate::audit::Audit;
use crate::clock::{Clock, TimeSource};
use crate::engine::Engine;
use crate::engine::handle::EngineHandle;
use crate::engine::invalidation::read_names;
use crate::engine::mode::Mode;
use crate::engine::settings::Settings;
use crate::engine::target::{ScopedTarget, TargetRef};
use crate::engine::transaction::{HeldTarget, TransactionState};
use crate::entry::info::EntryInfo;
use crate::error::GlobalCacheInUse;
use crate::history::Writer;
use crate::history::info::MutationInfo;
use crate::observer::Observer;
use crate::runtime::Runtime;
use crate::shared::ticket::Ticket;
use crate::stats::{QueryStats, Stats};
use crate::sync::Arc;
use crate::version::scope::{Scope, ScopeRef};

/// A cache of the answers of annotated functions.
///
/// A clone is the same cache and the same scope. `#[derive(HasCache)]` finds it in a repository's fields.
///
/// # What is shared
///
/// Values of one type that hold clones of one handle share their entries. That suits a repository built for each
/// request:
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
/// It is wrong for two databases or tenants: the key does not include `self`. Give each a cache or a
/// [`scope`](Cache::scope):
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
/// the cache. Only `Eq` of arguments may run under the lock of a shard, and must not use the cache. User code that
/// panics leaves the cache consistent.
///
/// A hit clones the value in place, and delays no other call: a concurrent change of the shard works on a copy of its
/// table of pointers.
///
/// A miss waits for a load of its key in flight: see [`cached_query`](macro@crate::cached_query). `{:?}` shows the
/// numbers of loads in flight and of waiting callers, in all scopes; `None` if a lock was held. It never waits itself.
///
/// # Memory
///
/// The capacity bounds the number of entries, and [`max_weight`](CacheBuilder::max_weight) their weight. Inserts free dead entries (expired or invalidated), whether the cache is
/// full or not; [`purge`](Cache::purge) frees all. A removed value is dropped by the call that removed it. If values of
/// its shard were being cloned, the call that ends the last of these clones drops it, or at the latest the next that
/// changes the shard. A `Drop` that panics there is counted in [`Stats::drop_panics`] and
/// [told](Observer::drop_panicked), and goes no further.
#[derive(Clone)]
pub struct Cache {
    engine: EngineHandle,
    scope: Option<Arc<Scope>>,
    mode: Mode,
}

impl Cache {
    /// A cache with the default settings: 10,000 entries, 300 seconds.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A builder, for other settings.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::default()
    }

    pub(crate) fn from_settings(settings: Settings) -> Self {
        let engine = Arc::new(Engine::new(settings));
        #[cfg(feature = "shared")]
        if let Some(shared) = engine.shared() {
            let memory = Arc::downgrade(&engine);
            shared.follow(memory);
        }
        let mode = if engine.auditor.is_some() { Mode::Audited } else { Mode::Ordinary };
        Self { engine: EngineHandle::new(engine), scope: None, mode }
    }

    /// The cache of annotated functions that are not methods.
    ///
    /// It has the default settings, unless [`CacheBuilder::install_global`] came first.
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

    /// If there is one.
    pub(crate) fn installed_global() -> Option<&'static Self> {
        GLOBAL.get()
    }

    /// A handle on a part of this cache whose entries are separate from all others.
    ///
    /// Invalidations through the new handle reach this scope only; through the root handle they reach every scope, at
    /// the same cost. Entries of the root are in no scope, and no scoped handle invalidates them. A scope of a scoped
    /// handle is a scope of the root. A scope has no capacity of its own, and is freed with its last handle or entry.
    /// `""` is a valid name.
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
        Self { scope: Some(self.engine.scope(name)), ..self.clone() }
    }

    /// A handle whose cached queries load on each call, and store nothing. Its mutations invalidate as ever.
    ///
    /// Calls through it neither take nor join a load of others. A cached query that calls one, through another handle, is
    /// stored, and is invalidated with what the call read. The same scope; of a handle in a
    /// [transaction](Cache::transaction) one in that transaction.
    ///
    /// ```
    /// # use cache_core::{cached_query, Cache, HasCache};
    /// # #[derive(HasCache)]
    /// # struct Repo { cache: Cache }
    /// # impl Repo {
    /// #     #[cached_query(ttl = "5m")]
    /// #     fn count(&self) -> u32 { 7 }
    /// # }
    /// let cache = Cache::new();
    /// let exact = Repo { cache: cache.bypass() };
    /// exact.count();
    /// assert!(cache.is_empty());
    /// ```
    #[must_use = "it changes nothing here: use the handle that it returns"]
    pub fn bypass(&self) -> Self {
        self.with_mode(self.mode.or_transaction(Mode::Bypass))
    }

    /// A handle whose cached queries load anew on each call, and store what they load.
    ///
    /// A call takes only the result of a load that began after the call: if one is in flight, it waits for its end, then
    /// loads or joins the next. So many calls at once cause few loads. If the load fails, or its value is not valid any
    /// more when it ends, the entry stays as it is. A value that `cache_if` refuses removes it. The same scope; of a
    /// handle in a [transaction](Cache::transaction) one in that transaction.
    ///
    /// ```
    /// # use cache_core::{cached_query, Cache, HasCache};
    /// # #[derive(HasCache)]
    /// # struct Repo { cache: Cache }
    /// # impl Repo {
    /// #     #[cached_query(ttl = "5m")]
    /// #     fn count(&self) -> u32 { 7 }
    /// # }
    /// let cache = Cache::new();
    /// let repo = Repo { cache: cache.clone() };
    /// repo.count();
    /// Repo { cache: cache.refresh() }.count();
    /// repo.count();
    /// assert_eq!((cache.stats().loads, cache.stats().hits), (2, 1));
    /// ```
    #[must_use = "it changes nothing here: use the handle that it returns"]
    pub fn refresh(&self) -> Self {
        self.with_mode(self.mode.or_transaction(Mode::Refresh))
    }

    /// Like [`invalidate`](Cache::invalidate), for tasks. It is ready at the first poll, and does nothing before.
    #[track_caller]
    pub fn invalidate_async<T: AsRef<str>>(&self, queries: impl IntoIterator<Item = T>) -> impl Future<Output = ()> {
        let by = Writer::call("invalidate_async");
        async move { self.invalidate_by(queries, by).await }
    }

    /// Invalidates all entries of the queries with these names, in every type, and all that was made from them.
    ///
    /// A query's name is its `name = ".."`, or else the function's. Names are compared whole, and unknown ones do
    /// nothing: prefer `#[invalidates]`, which the compiler checks. When this returns, no later call gets a value whose
    /// load began before, nor one made from such a value. All names take effect at one version. The cost does not
    /// depend on the number of entries or scopes.
    ///
    /// # Panics
    ///
    /// When the iterator or an `AsRef` does, after all other names that the iterator gave are invalidated.
    ///
    /// ```
    /// # let cache = cache_core::Cache::new();
    /// cache.invalidate(["get_all_tracks", "search_tracks"]);
    /// ```
    #[track_caller]
    pub fn invalidate<T: AsRef<str>>(&self, queries: impl IntoIterator<Item = T>) {
        self.invalidate_by(queries, Writer::call("invalidate")).wait();
    }

    fn invalidate_by<T: AsRef<str>>(&self, queries: impl IntoIterator<Item = T>, by: Writer) -> Ticket {
        match self.transaction_state() {
            None => self.engine.invalidate_names(self.scope_ref(), queries, by),
            Some(transaction) => self.hold(transaction, queries, |name| {
                by.record_name(name);
                HeldTarget::name(self.scope_ref(), name.clone(), by)
            }),
        }
    }

    /// Invalidates all entries with one of these tags. Otherwise like [`invalidate`](Cache::invalidate).
    ///
    /// Queries attach tags by `tags(..)` and `tags_from = ..`.
    ///
    /// ```
    /// # let cache = cache_core::Cache::new();
    /// cache.invalidate_tags(["artist:22"]);
    /// ```
    #[track_caller]
    pub fn invalidate_tags<T: AsRef<str>>(&self, tags: impl IntoIterator<Item = T>) {
        let (scope, by) = (self.scope_ref(), Writer::call("invalidate_tags"));
        let ticket = match self.transaction_state() {
            None => self.engine.invalidate_tags(scope, tags, by),
            Some(transaction) => {
                self.hold(transaction, tags, |tag| ScopedTarget { scope, target: TargetRef::Tag(tag), by }.into())
            }
        };
        ticket.wait();
    }

    /// Invalidates everything; through a scoped handle, everything in the scope. Otherwise like
    /// [`invalidate`](Cache::invalidate).
    ///
    /// ```
    /// # let cache = cache_core::Cache::new();
    /// cache.invalidate_all();
    /// assert!(cache.is_empty());
    /// ```
    #[track_caller]
    pub fn invalidate_all(&self) {
        let (scope, by) = (self.scope_ref(), Writer::call("invalidate_all"));
        let everything = ScopedTarget { scope, target: TargetRef::Everything, by };
        let ticket = match self.transaction_state() {
            None => self.engine.invalidate(&[everything]),
            Some(transaction) => transaction.hold(&self.engine, vec![everything.into()]),
        };
        ticket.wait();
    }

    /// Frees all expired and invalidated entries, in all scopes, and shrinks tables that have become too large.
    ///
    /// It visits every entry. A cache that goes on inserting does not need it.
    ///
    /// *Locking*: as for [`len`](Cache::len). Then each table is locked while it is shrunk.
    pub fn purge(&self) {
        self.engine.purge();
    }

    /// The number of live entries (neither expired nor invalidated); through a scoped handle, of those in the scope.
    ///
    /// It visits all entries, also dead ones and those of other scopes. It is exact if no other thread adds or removes
    /// any. It runs no user code but a custom clock, and the `Drop` of a value that another call removes meanwhile.
    ///
    /// *Locking*: locks that inserts take too, one after another, each while 128 entries are listed.
    pub fn len(&self) -> usize {
        self.engine.storage.len(self.scope_ref())
    }

    /// The number of entries that may be served: the live ones, and those that have expired and are kept for queries with
    /// `stale_if_error` or `stale_while_revalidate`. Otherwise like [`len`](Cache::len).
    pub fn len_with_stale(&self) -> usize {
        self.engine.storage.len_with_stale(self.scope_ref())
    }

    /// Whether there is no live entry; through a scoped handle, none in the scope.
    ///
    /// It stops at the first live entry. Otherwise like [`len`](Cache::len).
    pub fn is_empty(&self) -> bool {
        !self.engine.storage.any_live(self.scope_ref())
    }

    /// Statistics of the whole cache since it was built, also through a scoped handle.
    ///
    /// [`Stats::entries`] costs what [`len`](Cache::len) costs. The counters are summed without a lock, over a few
    /// stripes per processor and query.
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }

    /// Statistics of each query used with this cache, sorted by name, at the cost of [`stats`](Cache::stats).
    pub fn query_stats(&self) -> Vec<QueryStats> {
        self.engine.query_stats()
    }

    /// All live entries; through a scoped handle, those in the scope.
    ///
    /// It formats the arguments of every entry. Concurrent changes may be listed or not.
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

    /// The last invalidations of the cache, the oldest first: of mutations, of calls such as
    /// [`invalidate`](Cache::invalidate), and of commits. Of all scopes, also through a scoped handle.
    ///
    /// [`CacheBuilder::mutation_log`] says how many are kept.
    ///
    /// *Locking*: a mutex that invalidations take, too, while the list is copied.
    ///
    /// ```
    /// let cache = cache_core::Cache::new();
    /// cache.invalidate_tags(["artist:22"]);
    /// let [mutation] = &cache.mutations()[..] else { panic!("there was one") };
    /// assert_eq!((mutation.function, mutation.file), ("invalidate_tags", file!()));
    /// assert_eq!(mutation.targets[0].to_string(), "the tag `artist:22`");
    /// ```
    pub fn mutations(&self) -> Vec<MutationInfo> {
        self.engine.mutations_since(0).known
    }

    /// What the cache has done with its [tier](CacheBuilder::shared); `None` without one.
    #[cfg(feature = "shared")]
    pub fn shared_stats(&self) -> Option<crate::SharedStats> {
        self.engine.shared().map(|shared| shared.stats())
    }

    /// For tests: panics if the cache is inconsistent.
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

    /// Holds what is named. A panic of user code resumes afterwards.
    fn hold<T: AsRef<str>>(
        &self,
        transaction: &TransactionState,
        names: impl IntoIterator<Item = T>,
        target: impl Fn(&SmolStr) -> HeldTarget,
    ) -> Ticket {
        let (names, result) = read_names(names);
        let ticket = transaction.hold(&self.engine, names.iter().map(target).collect());
        result.unwrap_or_else(|panic| resume_unwind(panic));
        ticket
    }

    /// The handle that an entry was made with.
    pub(crate) fn of_entry(engine: Arc<Engine>, scope: Option<Arc<Scope>>, mode: Mode) -> Self {
        let mode = if let Mode::Entry(mode) = mode { Arc::unwrap_or_clone(mode) } else { mode };
        Self { engine: EngineHandle::new(engine), scope, mode }
    }

    #[inline]
    pub(crate) fn mode(&self) -> &Mode {
        &self.mode
    }

    pub(crate) fn with_mode(&self, mode: Mode) -> Self {
        Self { mode, ..self.clone() }
    }

    pub(crate) fn transaction_state(&self) -> Option<&Arc<TransactionState>> {
        self.mode.transaction()
    }
}

// No invariant is broken while user code runs.
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
        let mut cache = f.debug_struct("Cache");
        if !self.mode.is_ordinary() {
            cache.field("mode", &self.mode);
        }
        cache
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
    /// The most entries of all queries together; 10,000 by default.
    ///
    /// An entry counts as one, whatever its size: see [`max_weight`](CacheBuilder::max_weight). With 0 nothing is stored. The maximum is 268,435,456 (2^28).
    pub fn capacity(mut self, entries: usize) -> Self {
        self.settings.capacity = entries;
        self
    }

    /// The time to live of queries without a `ttl`; 300 seconds by default.
    ///
    /// It is counted from the start of the load. A value made from cached values expires no later than they do, unless
    /// its query says `own_ttl`. With zero nothing is served from the cache; more than 584 years are forever.
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.settings.default_ttl = ttl;
        self
    }

    /// The clock to use instead of [`SystemClock`](crate::SystemClock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.settings.time = TimeSource::new(clock);
        self
    }

    /// How long a commit whose answer was lost may still happen; 5 seconds by default.
    ///
    /// For so long nothing is stored that depends on what the transaction wrote: see
    /// [`CacheTransaction::commit_after`](crate::CacheTransaction::commit_after). Zero: it is only invalidated once.
    pub fn commit_grace(mut self, grace: Duration) -> Self {
        self.settings.commit_grace = grace;
        self
    }

    /// Where loads run that no caller waits for, of queries that are `background`. Without one, the cache starts no thread
    /// and no task, and a caller waits for each such load.
    ///
    /// Loads in the background end with the last handle of the cache: futures are dropped, and work that has begun is
    /// finished. A body that owns a handle, as in its repository, keeps the cache until it ends.
    ///
    #[cfg_attr(feature = "tokio", doc = "```")]
    #[cfg_attr(not(feature = "tokio"), doc = "```ignore")]
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// use std::sync::Arc;
    /// use cache_core::{Cache, HasCache, TokioRuntime, cached_query};
    ///
    /// #[derive(HasCache)]
    /// struct Rates {
    ///     cache: Cache,
    /// }
    ///
    /// impl Rates {
    ///     #[cached_query(ttl = "5m", refresh_ahead = "1m", background)]
    ///     async fn rate(self: Arc<Self>, currency: String) -> f64 {
    ///         currency.len() as f64 // think of a request
    ///     }
    /// }
    ///
    /// let cache = Cache::builder().runtime(TokioRuntime::current()).build();
    /// let rates = Arc::new(Rates { cache });
    /// rates.rate("EUR".into()).await;
    /// # });
    /// ```
    pub fn runtime(mut self, runtime: impl Runtime) -> Self {
        self.settings.runtime = Some(Arc::new(runtime));
        self
    }

    /// The most that the weights of all entries may sum up to, in any unit, such as bytes; no limit by default.
    ///
    /// A value says its weight by the option `weight` of its query, or else weighs 1. The sum exceeds the limit at no time:
    /// an entry may evict several others. It is a limit beside the [`capacity`](CacheBuilder::capacity) in entries.
    ///
    /// A value that is heavier than all that may be stored is not stored, and removes the former entry of its key. Its
    /// callers get it all the same, and [`Stats::too_heavy`] counts it. With 0 only what weighs 0 is stored.
    ///
    /// ```
    /// let cache = cache_core::Cache::builder().max_weight(64 << 20).build();
    /// assert_eq!((cache.stats().weight, cache.stats().max_weight), (0, 64 << 20));
    /// ```
    pub fn max_weight(mut self, weight: u64) -> Self {
        self.settings.max_weight = Some(weight);
        self
    }

    /// Adds an observer, which is told of misses, loads, invalidations, evictions, stale answers, and panics in `Drop`.
    ///
    /// Several are called in the order in which they were added. Without one, an event costs one comparison; with one, a miss
    /// makes a second copy of its key.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.settings.observers.push(observer);
        self
    }

    /// Runs the bodies of a share of the hits as well, and reports answers that differ: for tests, and for a small share of
    /// production.
    ///
    /// A difference is reported as a [`StaleFinding`](crate::StaleFinding) if no invalidation came between, with the
    /// mutations that ran since the answer was loaded or last found right. One of them names too little. Each wrong entry is
    /// reported once. Values are compared by `PartialEq`, or else by what `Debug` shows; others, and those of generic
    /// functions without these bounds, are not. While a mutation or a transaction of the cache is in progress, differences
    /// are not reported: it may be about to invalidate.
    ///
    /// The call waits for the body, and gets the cached answer all the same; an `Err` of the body tells nothing, a panic
    /// reaches the caller. What the body reads through cached queries is read from the cache, and not audited in turn. A query
    /// with `each` loads the ids that are missing, then its body runs once for all hits of the call that are audited.
    /// [`Stats::audited`] counts the hits, and [`Stats::loads`] does not.
    ///
    /// A hit that is not audited costs a random number. For tests: see [`Audit`].
    pub fn audit(mut self, audit: Audit) -> Self {
        self.settings.audit = Some(audit);
        self
    }

    /// How many invalidations the cache remembers for [`Cache::mutations`] and [`QueryEntry::explain`]; 512 by default.
    ///
    /// They take about 200 bytes each, and more if they name several targets, of which the first 64 are kept. With 0 none is
    /// recorded.
    ///
    /// [`QueryEntry::explain`]: crate::QueryEntry::explain
    pub fn mutation_log(mut self, invalidations: usize) -> Self {
        self.settings.mutation_log = invalidations;
        self
    }

    /// The seed of the random numbers that shorten times to live by a `jitter`; a random one by default.
    ///
    /// With a seed a test of one thread is reproducible: the same calls get the same numbers. Without a jitter none is
    /// drawn.
    ///
    /// ```
    /// let cache = cache_core::Cache::builder().jitter_seed(7).build();
    /// # let _ = cache;
    /// ```
    pub fn jitter_seed(mut self, seed: u64) -> Self {
        self.settings.jitter_seed = Some(seed);
        self
    }

    /// Shares the cache with other processes: a second level for queries with the flag `shared`, and a log of all
    /// invalidations. See [`SharedTier`](crate::SharedTier); the crate `cache-redis` has one.
    ///
    /// Until the tier proves that all invalidations were heard, and whenever it cannot, nothing is served from memory, and
    /// calls load.
    #[cfg(feature = "shared")]
    pub fn shared(mut self, tier: impl crate::SharedTier) -> Self {
        self.settings.tier = Some(Arc::new(tier));
        self
    }

    /// Builds the cache.
    pub fn build(self) -> Cache {
        Cache::from_settings(self.settings)
    }

    /// Builds the cache that [`Cache::global`] returns.
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
