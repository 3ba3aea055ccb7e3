//! Transactions: reads that are not cached, and invalidations that wait for the commit.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::cache::Cache;
use crate::engine::mode::Mode;
use crate::engine::transaction::{Certainty, TransactionState};
use crate::load::outcome::is_err;
use crate::shared::ticket::Ticket;
use crate::sync::Arc;
use crate::waiting::{AnyHolder, Waiting};

/// A transaction of the database, as the cache sees it.
///
/// A repository that is built on its [handle](CacheTransaction::cache) is the same repository inside of the transaction,
/// with any database library:
///
/// - Its cached queries load. Their answers are not taken from the cache, not stored, and not shared with other callers;
///   nor are those of a cached query whose body calls one.
/// - What its mutations invalidate is held until the commit, and then takes effect at one version.
///
/// ```
/// use std::sync::Mutex;
/// use cache_core::{cached_query, invalidates, Cache, HasCache};
///
/// static STOCK: Mutex<u32> = Mutex::new(5); // think of a database
///
/// #[derive(HasCache)]
/// struct Shop { cache: Cache }
///
/// impl Shop {
///     #[cached_query(ttl = "5m")]
///     fn stock(&self) -> u32 {
///         *STOCK.lock().unwrap()
///     }
///
///     #[invalidates("stock")]
///     fn sell(&self) {
///         *STOCK.lock().unwrap() -= 1;
///     }
/// }
///
/// let shop = Shop { cache: Cache::new() };
/// assert_eq!(shop.stock(), 5);
///
/// let transaction = shop.cache.transaction();
/// let inside = Shop { cache: transaction.cache() };
/// inside.sell();
/// assert_eq!(inside.stock(), 4); // loaded
/// assert_eq!(shop.stock(), 5); // still cached, as nothing is committed
///
/// transaction.commit_after(|| { /* commit the transaction of the database */ });
/// assert_eq!(shop.stock(), 4);
/// ```
///
/// # When it ends
///
/// The database commits first, and the cache forgets after: see [`commit_after`](CacheTransaction::commit_after) and
/// [`commit_after_async`](CacheTransaction::commit_after_async). Dropped, it counts as committed: a spare invalidation
/// costs a miss, a missing one wrong answers. So a transaction that is dropped **before** the database has committed
/// forgets too early, and another caller may cache the old rows again: keep it until after the commit.
///
/// A handle that outlives its transaction invalidates at once, and its reads are still not cached.
///
/// A [`TaggedCache`](crate::TaggedCache) has no transactions: invalidate it after the commit.
///
/// # Several
///
/// Transactions of one cache do not affect each other. [`Cache::transaction`] of a handle inside of a transaction begins
/// an inner one: what it holds takes effect at its own commit, as it may be one of another connection, and once more
/// with the outer one. For a part of the same transaction of the database use a
/// [`savepoint`](CacheTransaction::savepoint).
///
/// # Locking
///
/// A mutation inside locks the transaction's own list for the time of one insertion. No user code runs under it.
#[must_use = "dropped, it counts as committed: keep it until the database has committed"]
pub struct CacheTransaction {
    cache: Cache,
    state: Arc<TransactionState>,
    is_savepoint: bool,
    has_ended: bool,
}

impl Cache {
    /// Begins a transaction: see [`CacheTransaction`].
    ///
    /// It has the scope of this handle. It costs an allocation, and nothing is looked up.
    pub fn transaction(&self) -> CacheTransaction {
        let state = match self.transaction_state() {
            None => TransactionState::new(),
            Some(outer) => TransactionState::inner(outer),
        };
        CacheTransaction { cache: self.clone(), state, is_savepoint: false, has_ended: false }
    }
}

impl CacheTransaction {
    /// A handle inside of the transaction.
    ///
    /// It has the scope of the handle that began it; a [`scope`](Cache::scope) of it is inside, too, and so are its
    /// [`bypass`](Cache::bypass) and [`refresh`](Cache::refresh).
    #[must_use = "it changes nothing here: build the repository with it"]
    pub fn cache(&self) -> Cache {
        self.cache.with_mode(Mode::Transaction(self.state.clone()))
    }

    /// Ends it after the database has committed: everything held is invalidated, at one version.
    ///
    /// Of a savepoint: what it holds is handed to its transaction.
    ///
    /// # Panics
    ///
    /// When a custom clock does, after everything is invalidated.
    pub fn commit(mut self) {
        self.end(Certainty::Ended).wait();
    }

    /// Like [`commit`](CacheTransaction::commit), for tasks. It is ready at the first poll.
    ///
    /// # Cancellation
    ///
    /// Dropped before its first poll, it invalidates, too.
    pub async fn commit_async(mut self) {
        self.end(Certainty::Ended).await;
    }

    /// Ends it after the database has rolled back: nothing is invalidated.
    ///
    /// Of a savepoint: only what was held since it began is dropped.
    pub fn rollback(mut self) {
        self.has_ended = true;
        self.state.roll_back();
    }

    /// Begins a part that can be rolled back alone. Savepoints nest.
    ///
    /// Committed or dropped, it hands what it holds to its transaction. When that ends first, the savepoint ends in the
    /// same way.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # let cache = Cache::new();
    /// let transaction = cache.transaction();
    /// let savepoint = transaction.savepoint();
    /// savepoint.cache().invalidate(["stock"]);
    /// savepoint.rollback(); // after the database has rolled back to its savepoint
    /// transaction.commit();
    /// assert_eq!(cache.stats().invalidations, 0);
    /// ```
    pub fn savepoint(&self) -> Self {
        let state = TransactionState::savepoint(&self.state);
        Self { cache: self.cache.clone(), state, is_savepoint: true, has_ended: false }
    }

    /// Runs `commit`, which commits the transaction of the database, and then [commits](CacheTransaction::commit) this
    /// one: also if it returns an error or panics.
    ///
    /// A commit without an `Ok` may have happened, or may still happen. So after a `Result` that is `Err`, and after a
    /// panic, what was held is invalidated, and nothing that depends on it is stored for the grace of
    /// [`CacheBuilder::commit_grace`](crate::CacheBuilder::commit_grace).
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # let cache = Cache::new();
    /// # struct Database;
    /// # impl Database { fn commit(self) -> Result<(), std::io::Error> { Ok(()) } }
    /// # let database = Database;
    /// let transaction = cache.transaction();
    /// // .. write with `database`, and with repositories on `transaction.cache()` ..
    /// transaction.commit_after(|| database.commit())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn commit_after<R>(mut self, commit: impl FnOnce() -> R) -> R {
        let ending = Ending { transaction: &mut self, certainty: Certainty::Uncertain };
        let (result, ticket) = ending.after(commit);
        ticket.wait();
        result
    }

    /// Like [`commit_after`](CacheTransaction::commit_after), with a future.
    ///
    /// # Cancellation
    ///
    /// Dropped before its first poll, it counts as committed. Dropped later, the commit may still happen: as after an
    /// error, what was held is invalidated and not stored for a grace.
    pub fn commit_after_async<F: Future>(self, commit: F) -> CommitAfter<F> {
        CommitAfter { commit, transaction: self, has_begun: false, waiting: Waiting::new(AnyHolder::default()) }
    }

    fn end(&mut self, certainty: Certainty) -> Ticket {
        if std::mem::replace(&mut self.has_ended, true) { Ticket::default() } else { self.state.commit(certainty) }
    }
}

/// Ends a transaction when it is dropped.
struct Ending<'a> {
    transaction: &'a mut CacheTransaction,
    certainty: Certainty,
}

impl Ending<'_> {
    fn after<R>(self, commit: impl FnOnce() -> R) -> (R, Ticket) {
        let result = commit();
        let ticket = self.transaction.end(certainty_of(&result));
        (result, ticket)
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.transaction.end(self.certainty).leave();
    }
}

fn certainty_of<R>(result: &R) -> Certainty {
    if is_err(result) { Certainty::Uncertain } else { Certainty::Ended }
}

impl Drop for CacheTransaction {
    fn drop(&mut self) {
        self.end(Certainty::Ended).leave();
    }
}

impl fmt::Debug for CacheTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheTransaction")
            .field("is_savepoint", &self.is_savepoint)
            .field("held_invalidations", &self.state.count())
            .finish_non_exhaustive()
    }
}

// Like the cache itself: a panic in user code breaks nothing.
impl UnwindSafe for CacheTransaction {}
impl RefUnwindSafe for CacheTransaction {}

pin_project! {
    /// A commit of the database, and then of a transaction: see [`CacheTransaction::commit_after_async`].
    #[must_use = "it does nothing until it is polled"]
    pub struct CommitAfter<F: Future> {
        #[pin]
        commit: F,
        transaction: CacheTransaction,
        has_begun: bool,
        waiting: Waiting<AnyHolder<F::Output>>,
    }

    impl<F: Future> PinnedDrop for CommitAfter<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let certainty = if *this.has_begun { Certainty::Uncertain } else { Certainty::Ended };
            this.transaction.end(certainty).leave();
        }
    }
}

impl<F: Future> Future for CommitAfter<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if let Some(waited) = this.waiting.poll(cx) {
            return waited;
        }
        *this.has_begun = true;
        let result = ready!(this.commit.poll(cx));
        let ticket = this.transaction.end(certainty_of(&result));
        this.waiting.begin(ticket, result, cx)
    }
}

impl<F: Future> fmt::Debug for CommitAfter<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommitAfter").field("transaction", &self.transaction).finish_non_exhaustive()
    }
}
