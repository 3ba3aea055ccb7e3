//! What a cache tells about itself as it happens.

pub mod events;
mod traced;

use std::fmt;

use crate::flight::context::outside;
use crate::history::info::MutationInfo;
use crate::observer::events::{DropPanicked, Evicted, Invalidated, Loaded, Missed, ServedStale};
use crate::query::state::QueryState;
use crate::stats::counters::TellPanic;
use crate::sync::Arc;
use crate::sync::unwind::contain;

/// Is told what a cache does, other than hits: those are counted in [`Stats`](crate::Stats) and
/// [`QueryStats`](crate::QueryStats), so that they cost nothing. And what goes wrong where no caller sees it:
/// [a `Drop` that panics](Self::drop_panicked).
///
/// It is called by the thread that does it, after it is done, with no lock held and outside of the load that the call may
/// belong to: it may be slow, which delays that caller, and may use the cache. What it reads through cached queries then
/// makes events of its own: end the circle. A panic in it is caught, and changes nothing.
///
/// All methods do nothing unless they are written. Calls of a [`TaggedCache`](crate::TaggedCache) are not told.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use cache_core::{Cache, HasCache, Observer, cached_query, events, invalidates};
///
/// #[derive(Clone, Default)]
/// struct Diary(Arc<Mutex<Vec<String>>>);
///
/// impl Observer for Diary {
///     fn missed(&self, event: &events::Missed<'_>) {
///         let by = event.mutation.map(|mutation| mutation.function);
///         let line = format!("{}({}): {} {by:?}", event.call.query, event.call.arguments(), event.reason);
///         self.0.lock().unwrap().push(line);
///     }
/// }
///
/// #[derive(HasCache)]
/// struct Tracks {
///     cache: Cache,
/// }
///
/// impl Tracks {
///     #[cached_query(ttl = "5m")]
///     fn title(&self, id: u32) -> String {
///         format!("track {id}")
///     }
///
///     #[invalidates(title(id))]
///     fn rename(&self, id: u32) {}
/// }
///
/// let diary = Diary::default();
/// let tracks = Tracks { cache: Cache::builder().observer(diary.clone()).build() };
/// tracks.title(7);
/// tracks.rename(7);
/// tracks.title(7);
/// assert_eq!(*diary.0.lock().unwrap(), [
///     "title(id = 7): cold None",
///     r#"title(id = 7): invalidated Some("rename")"#,
/// ]);
/// ```
pub trait Observer: Send + Sync + 'static {
    /// A load has ended, whatever its outcome.
    fn loaded(&self, event: &Loaded<'_>) {
        let _ = event;
    }

    /// A call was not answered from the cache: it loads, or waits for a load. It is told before that.
    fn missed(&self, event: &Missed<'_>) {
        let _ = event;
    }

    /// Something was invalidated.
    fn invalidated(&self, event: &Invalidated<'_>) {
        let _ = event;
    }

    /// A live entry was removed to make room for others.
    fn evicted(&self, event: &Evicted<'_>) {
        let _ = event;
    }

    /// A call was answered by an expired value.
    fn served_stale(&self, event: &ServedStale<'_>) {
        let _ = event;
    }

    /// The `Drop` of a key or of a value has panicked: a fault of its type. The panic reaches no call, and the cache is as if
    /// there had been none; the panic hook has run.
    ///
    /// It is told by the thread that dropped it, which may be in the middle of another call, or about to end.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    /// use cache_core::{Cache, Observer, cached_query, events};
    ///
    /// #[derive(Clone, Default)]
    /// struct Faults(Arc<Mutex<Vec<String>>>);
    ///
    /// impl Observer for Faults {
    ///     fn drop_panicked(&self, event: &events::DropPanicked<'_>) {
    ///         self.0.lock().unwrap().push(format!("{}: {}", event.query, event.message));
    ///     }
    /// }
    ///
    /// struct Connection;
    ///
    /// impl Drop for Connection {
    ///     fn drop(&mut self) {
    ///         panic!("it is still in use");
    ///     }
    /// }
    ///
    /// #[cached_query(cache = cache, skip(cache))]
    /// fn connection(cache: &Cache) -> Arc<Connection> {
    ///     Arc::new(Connection)
    /// }
    ///
    /// let faults = Faults::default();
    /// let cache = Cache::builder().observer(faults.clone()).build();
    /// drop(connection(&cache));
    /// cache.invalidate(["connection"]);
    /// cache.purge();
    /// assert_eq!(*faults.0.lock().unwrap(), ["connection: it is still in use"]);
    /// assert_eq!(cache.stats().drop_panics, 1);
    /// ```
    fn drop_panicked(&self, event: &DropPanicked<'_>) {
        let _ = event;
    }
}

/// An observer that its owner keeps a handle of.
impl<T: Observer + ?Sized> Observer for Arc<T> {
    fn loaded(&self, event: &Loaded<'_>) {
        (**self).loaded(event);
    }

    fn missed(&self, event: &Missed<'_>) {
        (**self).missed(event);
    }

    fn invalidated(&self, event: &Invalidated<'_>) {
        (**self).invalidated(event);
    }

    fn evicted(&self, event: &Evicted<'_>) {
        (**self).evicted(event);
    }

    fn served_stale(&self, event: &ServedStale<'_>) {
        (**self).served_stale(event);
    }

    fn drop_panicked(&self, event: &DropPanicked<'_>) {
        (**self).drop_panicked(event);
    }
}

/// The observers of one cache, in the order in which they were given.
#[derive(Clone, Default)]
pub(crate) struct Observers(Vec<Arc<dyn Observer>>);

impl Observers {
    pub(crate) fn push(&mut self, observer: impl Observer) {
        self.0.push(Arc::new(observer));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether somebody wants to know of evictions and of stale answers.
    pub(crate) fn want_traces(&self) -> bool {
        !self.0.is_empty() || traced::wants_traces()
    }

    pub(crate) fn want_invalidations(&self) -> bool {
        !self.0.is_empty() || traced::wants_invalidations()
    }

    /// The caller holds no lock; so with the next two.
    pub(crate) fn evicted(&self, event: &Evicted<'_>) {
        traced::evicted(event);
        self.tell(|observer| observer.evicted(event));
    }

    pub(crate) fn served_stale(&self, event: &ServedStale<'_>) {
        traced::served_stale(event);
        self.tell(|observer| observer.served_stale(event));
    }

    pub(crate) fn invalidated(&self, mutation: &MutationInfo) {
        traced::invalidated(mutation);
        self.tell(|observer| observer.invalidated(&Invalidated { mutation }));
    }

    /// For the counters of a query: how they tell of a panic in `Drop`. `None` if nobody can want to know.
    ///
    /// It has its own list: values are dropped where only their counters are known, also after their cache.
    pub(crate) fn tell_drop_panic(&self, query: &QueryState) -> Option<TellPanic> {
        if self.0.is_empty() && !cfg!(feature = "tracing") {
            return None;
        }
        let QueryState { name: query, module, owner, .. } = *query;
        let observers = self.clone();
        Some(Box::new(move |message| {
            let event = DropPanicked { query, module, owner, message };
            traced::drop_panicked(&event);
            observers.tell(|observer| observer.drop_panicked(&event));
        }))
    }

    /// The caller holds no lock.
    pub(crate) fn tell(&self, tell: impl Fn(&dyn Observer)) {
        if self.0.is_empty() {
            return;
        }
        outside(|| {
            for observer in &self.0 {
                contain(|| tell(&**observer));
            }
        });
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} observers", self.0.len())
    }
}
