//! Composition: which load the code that is running belongs to, and what that load has read from caches.
//!
//! A body may ask other cached queries. What it makes of their answers is valid no longer than they are: so each answer
//! that is handed out inside a body is *attached* to its load. That is the innermost load on the thread, whichever task
//! it is polled in. An answer is attached with the version as of which it is known to be valid, and with its expiry; when
//! the load ends, its entry takes all of that over, and is attached to the load around it in turn.
//!
//! The nodes of an answer are found or made before the answer is looked up. Whoever invalidates it later finds them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::task::{Context as Polling, Poll};

use pin_project_lite::pin_project;

use crate::clock::{FOREVER, Nanos};
use crate::flight::id::LoadId;
use crate::query::state::QueryState;
use crate::sync::unwind::catch;
use crate::sync::{Arc, Mutex, thread_local};
use crate::version::Version;
use crate::version::tag_set::{TagSet, TagSetBuilder};
use crate::version::timeline::Timeline;

thread_local! {
    /// The loads whose bodies this thread is in, the innermost last.
    static RUNNING: RefCell<Vec<Arc<Context>>> = const { RefCell::new(Vec::new()) };
}

thread_local! {
    /// How many these are: read at each hit, so it has no destructor.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// A load in progress, and what its body has read so far.
pub(crate) struct Context {
    pub(crate) id: LoadId,
    pub(crate) timeline: Arc<Timeline>,
    /// The version at the start of the load.
    pub(crate) birth: Version,
    query: Arc<QueryState>,
    /// What was known of it at the start.
    pub(crate) tags: TagSet,
    /// Whether its value expires by its own time to live alone.
    own_ttl: bool,
    /// When its value expires by that.
    pub(crate) expires_at: Nanos,
    reads: Mutex<Reads>,
}

/// What a load is made from.
pub(crate) struct Origin {
    pub(crate) tags: TagSet,
    pub(crate) own_ttl: bool,
    pub(crate) expires_at: Nanos,
}

/// What a body has read from caches.
struct Reads {
    /// By the address of the set.
    sets: HashMap<usize, Read, foldhash::fast::RandomState>,
    /// Whether one of them depends on another cache.
    has_elsewhere: bool,
    /// When the first of the answers expires, if that matters.
    expires_at: Nanos,
    /// The version as of which all of them were last found valid.
    valid_as_of: Version,
    /// All that the load depends on, once it has ended: callers may join it until it is stored.
    ended: Option<Dependencies>,
}

/// An answer that was handed out in a body.
struct Read {
    set: TagSet,
    /// A version as of which it is known to have been valid.
    since: Version,
    /// The cache that it is from, if it is another one.
    elsewhere: Option<Arc<Timeline>>,
}

/// What a load depends on, when it has ended.
#[derive(Clone)]
pub(crate) struct Dependencies {
    pub(crate) tags: TagSet,
    /// The version as of which all of it is valid, or else the birth of the load.
    pub(crate) since: Version,
    pub(crate) is_valid: bool,
    /// A caller that came before this version may have the result. A later one may have joined the load before it was known
    /// that it depends on what had been invalidated already: an answer is read before it is attached.
    pub(crate) shareable_before: Version,
    /// When the first of the answers expires.
    pub(crate) expires_at: Nanos,
}

impl Read {
    fn is_valid(&self) -> bool {
        self.set.is_valid_since(self.since)
    }
}

impl Reads {
    /// Whether something was read from another cache.
    fn has_elsewhere(&self) -> bool {
        self.has_elsewhere
    }
}

impl Context {
    /// A load that begins now. What it depends on must have been found before.
    pub(crate) fn new(
        id: LoadId,
        timeline: Arc<Timeline>,
        query: Arc<QueryState>,
        Origin { tags, own_ttl, expires_at }: Origin,
    ) -> Arc<Self> {
        let birth = timeline.versions.now();
        let sets = HashMap::default();
        let reads = Reads { sets, has_elsewhere: false, expires_at: FOREVER, valid_as_of: birth, ended: None };
        let reads = Mutex::new(reads);
        Arc::new(Self { id, timeline, birth, query, tags, own_ttl, expires_at, reads })
    }

    /// Whether nothing has been invalidated that was known of the load at its start.
    fn was_valid_from_the_start(&self) -> bool {
        self.is_query_valid_since(self.birth) && self.tags.is_valid_since(self.birth)
    }

    fn is_query_valid_since(&self, version: Version) -> bool {
        self.timeline.everything.is_valid_since(version) && self.query.node.is_valid_since(version)
    }

    /// Whether the load is as good as one of its own for a caller that came at a version: it began later, or nothing has been
    /// invalidated that it depends on, as far as it has come, and nothing has expired.
    pub(crate) fn is_as_good_for(&self, arrived: Version, now: Nanos) -> bool {
        // Of other caches the version says nothing.
        let began_later = self.birth >= arrived && !self.reads.lock().has_elsewhere();
        began_later || self.is_valid(now)
    }

    /// Whether nothing has been invalidated that the load depends on, as far as it has come, and nothing has expired.
    fn is_valid(&self, now: Nanos) -> bool {
        let version = self.timeline.versions.now();
        let mut reads = self.reads.lock();
        if now >= reads.expires_at {
            return false;
        }
        if let Some(Dependencies { tags, since, is_valid, .. }) = &reads.ended {
            return *is_valid && self.is_query_valid_since(*since) && tags.is_valid_since(*since);
        }
        if reads.valid_as_of == version && !reads.has_elsewhere() {
            return true;
        }
        let is_valid = self.was_valid_from_the_start() && reads.sets.values().all(Read::is_valid);
        if is_valid {
            reads.valid_as_of = version;
        }
        is_valid
    }

    /// Adds an answer that was handed out in the body.
    fn attach(&self, timeline: &Arc<Timeline>, sets: [TagSet; 3], since: Version, lifetime: Lifetime) {
        let is_elsewhere = !Arc::ptr_eq(timeline, &self.timeline);
        let expires_at = match lifetime {
            Lifetime::Unlimited => FOREVER,
            Lifetime::OVER => 0,
            Lifetime::Until(_) if self.own_ttl => FOREVER,
            Lifetime::Until(expires_at) if !is_elsewhere => expires_at,
            // Clocks of two caches have nothing in common but their pace. Its own is read first: time passes in between.
            Lifetime::Until(expires_at) => catch(|| {
                let now = self.timeline.time.now();
                now.saturating_add(expires_at.saturating_sub(timeline.time.now()))
            })
            // A clock that panics tells nothing. The load has to end all the same.
            .unwrap_or_default(),
        };
        let everything = is_elsewhere.then(|| timeline.everything.clone().into());
        let mut reads = self.reads.lock();
        let Reads { sets: known, has_elsewhere, expires_at: earliest, valid_as_of, ended: None } = &mut *reads else {
            return;
        };
        for set in sets.into_iter().chain(everything).filter(|set| set.len() > 0) {
            let elsewhere = is_elsewhere.then(|| timeline.clone());
            *has_elsewhere |= is_elsewhere || set.has_foreign();
            let read = known.entry(set.address()).or_insert(Read { set, since, elsewhere });
            read.since = read.since.min(since);
        }
        *earliest = (*earliest).min(expires_at);
        *valid_as_of = (*valid_as_of).min(since);
    }

    /// Ends the load, and says what it depends on: its tags, `late` ones of its result, and what it read. Nothing can be
    /// attached any more.
    pub(crate) fn end(&self, late: &TagSet) -> Dependencies {
        // Before anything is checked: what is found valid then is valid as of this version.
        let version = self.timeline.versions.now();
        let mut is_valid = self.was_valid_from_the_start() && late.is_valid_since(self.birth);
        let mut tags = TagSetBuilder::default();
        let mut reads = self.reads.lock();
        if let Some(ended) = &reads.ended {
            return ended.clone();
        }
        if reads.sets.is_empty() && late.len() == 0 {
            let (tags, expires_at) = (self.tags.clone(), reads.expires_at);
            let since = if is_valid { version } else { self.birth };
            let shareable_before = Version::MAX;
            return reads.ended.insert(Dependencies { tags, since, is_valid, shareable_before, expires_at }).clone();
        }
        let mut shareable_before = Version::MAX;
        tags.add_all(&self.tags);
        tags.add_all(late);
        for read in reads.sets.values() {
            let elsewhere = read.elsewhere.as_ref().map(|timeline| timeline.versions.now());
            let is_still_valid = read.is_valid();
            if !is_still_valid {
                is_valid = false;
                // Versions of another cache cannot be compared.
                let is_of_here = elsewhere.is_none() && !read.set.has_foreign();
                shareable_before = shareable_before.min(if is_of_here { read.since + 1 } else { 0 });
            }
            let since = |version| if is_still_valid { version } else { read.since };
            tags.depend_on_all(&read.set, elsewhere.map(since));
        }
        let (tags, since) = (tags.build(), if is_valid { version } else { self.birth });
        let expires_at = reads.expires_at;
        let mut dependencies = Dependencies { tags, since, is_valid, shareable_before, expires_at };
        reads.ended = Some(dependencies.clone());
        let sets = std::mem::take(&mut reads.sets);
        drop(reads);
        drop(sets);
        // Only now: callers that come from here on find out about late tags for themselves.
        if !late.is_valid_since(self.birth) {
            dependencies.shareable_before = dependencies.shareable_before.min(self.birth + 1);
        }
        dependencies
    }
}

/// How long an answer may be served.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    Until(Nanos),
    /// Of the answer that there is no value.
    Unlimited,
}

impl Lifetime {
    /// Of an answer from which nothing is to be stored.
    pub(crate) const OVER: Self = Self::Until(0);
}

/// Whether this thread is in the body of a load.
#[inline]
pub(crate) fn is_inside() -> bool {
    DEPTH.with(Cell::get) > 0
}

/// Attaches an answer of a cache to the load that this thread is in. Sets may be empty. Not generic: it is compiled in this
/// crate.
pub(crate) fn attach(timeline: &Arc<Timeline>, sets: [TagSet; 3], since: Version, lifetime: Lifetime) {
    if let Some(context) = innermost() {
        context.attach(timeline, sets, since, lifetime);
    }
}

fn innermost() -> Option<Arc<Context>> {
    if !is_inside() {
        return None;
    }
    RUNNING.try_with(|running| running.borrow().last().cloned()).ok().flatten()
}

/// The loads that this thread is in; `None` on a thread that is ending and has dropped its list, while other destructors
/// of its still use caches.
pub(crate) fn with_running<R>(with: impl FnOnce(&[Arc<Context>]) -> R) -> Option<R> {
    RUNNING.try_with(|running| with(&running.borrow())).ok()
}

/// This thread is in the body of a load for as long as the value lives.
pub(crate) struct Running {
    is_listed: bool,
}

impl Running {
    pub(crate) fn enter(context: &Arc<Context>) -> Self {
        let is_listed = RUNNING.try_with(|running| running.borrow_mut().push(context.clone())).is_ok();
        if is_listed {
            DEPTH.with(|depth| depth.set(depth.get() + 1));
        }
        Self { is_listed }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_listed {
            DEPTH.with(|depth| depth.set(depth.get() - 1));
            let left = RUNNING.try_with(|running| running.borrow_mut().pop());
            // Not under the borrow: it may be the last reference to what the body read.
            drop(left);
        }
    }
}

/// The load that the running code belongs to: for a body that has other threads or tasks do a part of its work.
///
/// What a body reads from other cached queries counts as read by its load, and its result is forgotten with that. A
/// thread or a task that the body spawns is not seen to belong to it. So take the context in the body, and run that part
/// within it:
///
/// ```
/// use std::thread;
/// use cache_core::{LoadContext, TaggedCache};
///
/// let prices: TaggedCache<u32, u32> = TaggedCache::new();
/// let totals: TaggedCache<&str, u32> = TaggedCache::new();
/// let total = || {
///     totals.get_or_load(&"basket", || {
///         let context = LoadContext::current();
///         thread::scope(|scope| {
///             let part = scope.spawn(|| context.within(|| prices.get_or_load(&7, || 100)));
///             part.join().unwrap()
///         })
///     })
/// };
/// total();
/// prices.invalidate_key(&7);
/// assert_eq!(totals.get(&"basket"), None);
/// ```
///
/// What is read after the load has ended has no effect on it. Within the context, a call that would wait for the load
/// itself loads instead of waiting.
#[derive(Clone, Default)]
pub struct LoadContext(Vec<Arc<Context>>);

impl LoadContext {
    /// The context of the innermost load that the calling code belongs to, within those around it; outside of every load, one
    /// without effect.
    #[must_use]
    pub fn current() -> Self {
        Self(with_running(<[_]>::to_vec).unwrap_or_default())
    }

    /// Runs a part of the load's work, on any thread.
    pub fn within<R>(&self, part: impl FnOnce() -> R) -> R {
        // Also those around it: a wait for one of them would never end.
        let _running: Vec<_> = self.0.iter().map(Running::enter).collect();
        part()
    }

    /// A future that belongs to the load each time that it is polled, and while it is dropped.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use cache_core::{LoadContext, TaggedCache};
    ///
    /// let (prices, totals) = (TaggedCache::<u32, u32>::new(), TaggedCache::<&str, u32>::new());
    /// let total = async || {
    ///     let part = async { prices.get_or_load_async(&7, async || 100).await };
    ///     LoadContext::current().instrument(part).await // or spawned, on any runtime
    /// };
    /// totals.get_or_load_async(&"basket", total).await;
    /// prices.invalidate_key(&7);
    /// assert_eq!(totals.get(&"basket"), None);
    /// # });
    /// ```
    pub fn instrument<F: Future>(self, future: F) -> Instrumented<F> {
        Instrumented { context: self, future: Some(future) }
    }
}

impl fmt::Debug for LoadContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|context| context.id)).finish()
    }
}

// Like the cache itself: a panic in user code leaves nothing broken.
impl std::panic::UnwindSafe for LoadContext {}
impl std::panic::RefUnwindSafe for LoadContext {}

pin_project! {
    /// A future that belongs to a load: see [`LoadContext::instrument`].
    #[derive(Debug)]
    #[must_use = "it does nothing until it is polled"]
    pub struct Instrumented<F> {
        context: LoadContext,
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Instrumented<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.context.within(|| this.future.set(None));
        }
    }
}

impl<F: Future> Future for Instrumented<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Polling<'_>) -> Poll<F::Output> {
        let this = self.project();
        let future = this.future.as_pin_mut().expect("it is there until it is dropped");
        this.context.within(|| future.poll(cx))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use futures_lite::future::{block_on, yield_now};

    use crate::{EntryOptions, TaggedCache};

    use super::*;

    type Numbers = TaggedCache<u32, u32>;

    #[test]
    fn p15_what_was_made_from_very_many_keys_is_not_served_after_an_insert_of_one() {
        let (inner, outer) = (Numbers::new(), Numbers::new());
        for inserted in [0, 999] {
            let sum = || (0..1_000).map(|key| inner.get_or_load(&key, || 1)).sum();
            assert_eq!(outer.get_or_load(&1, sum), 1_000);
            assert_eq!(outer.get(&1), Some(1_000));
            inner.insert(inserted, 1);
            assert_eq!(outer.get(&1), None);
        }
    }

    /// Its key had no node when it was asked for.
    #[test]
    fn p15_what_was_made_from_an_answer_asked_for_outside_is_not_served_after_an_insert() {
        let (inner, outer) = (Numbers::new(), Numbers::new());
        let ask = || {
            let mut asked = Box::pin(inner.get_or_load_async(&1, async || {
                yield_now().await;
                0
            }));
            assert!(asked.as_mut().poll(&mut Polling::from_waker(Waker::noop())).is_pending());
            asked
        };
        let (leader, follower) = (ask(), ask());
        let options = || EntryOptions::new().own_ttl();
        assert_eq!(block_on(outer.get_or_load_with_async(&2, options, async || leader.await)), 0);
        assert_eq!(outer.get(&2), Some(0));
        assert_eq!(block_on(outer.get_or_load_with_async(&3, options, async || follower.await)), 0);
        assert_eq!(outer.get(&3), None, "an insert may have come between the end of the load and this");
        inner.insert(1, 1);
        assert_eq!(outer.get(&2), None);
    }
}
