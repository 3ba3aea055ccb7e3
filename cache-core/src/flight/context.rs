//! Composition: which load the running code belongs to, and what that load has read from caches.
//!
//! A result is valid no longer than the answers that its body got from other queries. So each answer is *attached* to
//! the innermost load on the thread: its tags, a version as of which it is valid, and its expiry. The entry of the load
//! depends on all of that, and is in turn attached to the enclosing load. The nodes of an answer exist before its
//! look-up: later invalidations find them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use crate::clock::{FOREVER, Nanos};
use crate::entry::Meta;
use crate::flight::id::LoadId;
use crate::flight::span::LoadSpan;
use crate::query::state::QueryState;
use crate::shared::lease::LeaseTime;
use crate::sync::unwind::catch;
use crate::sync::{Arc, AtomicUsize, Mutex, Ordering, thread_local};
use crate::version::Version;
use crate::version::tag_set::{TagSet, TagSetBuilder};
use crate::version::timeline::Timeline;

thread_local! {
    /// The loads whose bodies this thread runs, the innermost last.
    static RUNNING: RefCell<Vec<Arc<Context>>> = const { RefCell::new(Vec::new()) };
}

thread_local! {
    /// How many of them, the last ones, the running code belongs to: see [`outside`]. Read at each hit: so it has no
    /// destructor.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// A load in progress.
pub(crate) struct Context {
    pub(crate) id: LoadId,
    pub(crate) timeline: Arc<Timeline>,
    /// The version at its start.
    pub(crate) birth: Version,
    query: Arc<QueryState>,
    /// Known at the start.
    pub(crate) tags: TagSet,
    /// Whether its own ttl alone decides when its value expires.
    own_ttl: bool,
    /// Its ttl is counted from here.
    pub(crate) began: Nanos,
    /// By its own ttl. If only the value tells that, never.
    pub(crate) expires_at: Nanos,
    /// Whether it is, or has read, an answer of a transaction: it is neither stored nor shared.
    is_private: AtomicUsize,
    /// Whether it is the body of a hit that is audited.
    is_audit: bool,
    pub(crate) span: LoadSpan,
    /// If other processes write, too.
    began_at: Option<LeaseTime>,
    /// Whether its body has asked for an answer of a query, which may be older than the load.
    has_asked: AtomicUsize,
    reads: Mutex<Reads>,
}

pub(crate) struct LoadStart {
    pub(crate) tags: TagSet,
    pub(crate) own_ttl: bool,
    pub(crate) began: Nanos,
    pub(crate) expires_at: Nanos,
    pub(crate) is_audit: bool,
}

struct Reads {
    /// By the address of the tag set.
    sets: HashMap<usize, Read, foldhash::fast::RandomState>,
    has_foreign: bool,
    /// The earliest expiry of the answers, as far as that limits the load.
    expires_at: Nanos,
    /// The version as of which all answers were last found valid.
    valid_as_of: Version,
    /// Set when the body has ended: callers may join until the value is stored.
    ended: Option<Dependencies>,
}

struct Read {
    set: TagSet,
    /// A version as of which it is valid.
    since: Version,
    /// `None` if it is this cache's.
    foreign: Option<Arc<Timeline>>,
}

#[derive(Clone)]
pub(crate) struct Dependencies {
    pub(crate) tags: TagSet,
    /// The version as of which all of it is valid, or else the birth of the load.
    pub(crate) since: Version,
    pub(crate) is_valid: bool,
    pub(crate) is_private: bool,
    /// Callers that arrived before this version may have the result. For later ones, an answer may have been
    /// invalidated before it was attached.
    pub(crate) shareable_before: Version,
    pub(crate) expires_at: Nanos,
}

impl Read {
    fn is_valid(&self) -> bool {
        self.set.is_valid_since(self.since)
    }
}

impl Context {
    /// Begins a load. The nodes of its tags were found before.
    pub(crate) fn new(
        id: LoadId,
        timeline: Arc<Timeline>,
        query: Arc<QueryState>,
        LoadStart { tags, own_ttl, began, expires_at, is_audit }: LoadStart,
    ) -> Arc<Self> {
        let birth = timeline.versions.now();
        let sets = HashMap::default();
        let reads = Reads { sets, has_foreign: false, expires_at: FOREVER, valid_as_of: birth, ended: None };
        let reads = Mutex::new(reads);
        let (is_private, span) = (AtomicUsize::new(0), LoadSpan::default());
        let began_at = timeline.lease.as_ref().map(|_| LeaseTime::now());
        Arc::new(Self {
            id,
            timeline,
            birth,
            query,
            tags,
            own_ttl,
            began,
            expires_at,
            is_private,
            is_audit,
            span,
            began_at,
            has_asked: AtomicUsize::new(0),
            reads,
        })
    }

    pub(crate) fn set_private(&self) {
        self.is_private.store(1, Ordering::Release);
    }

    pub(crate) fn is_private(&self) -> bool {
        self.is_private.load(Ordering::Acquire) > 0
    }

    /// Whether what other processes had invalidated at its start is known, or was not long ago: else nobody joins it. That
    /// bounds the age of an answer, and the number of loads.
    ///
    /// Who joins before the body asks for another answer gets none that is too old: that one was recent when it was asked
    /// for.
    pub(crate) fn is_recent(&self) -> bool {
        let (Some(lease), Some(began_at)) = (&self.timeline.lease, self.began_at) else { return true };
        let has_asked = self.has_asked.load(Ordering::Acquire) > 0;
        lease.is_live_now() || !has_asked && lease.is_recent(began_at)
    }

    fn was_valid_from_the_start(&self) -> bool {
        self.is_query_valid_since(self.birth) && self.tags.is_valid_since(self.birth)
    }

    fn is_query_valid_since(&self, version: Version) -> bool {
        self.timeline.everything.is_valid_since(version) && self.query.node.is_valid_since(version)
    }

    /// Whether a caller that arrived at a version may join instead of loading: the load began later, or is still valid.
    pub(crate) fn is_as_good_for(&self, arrived: Version, now: Nanos) -> bool {
        // The version says nothing about other caches, and nothing about what is suspended.
        let began_later = self.birth >= arrived && !self.timeline.is_uncertain() && !self.reads.lock().has_foreign;
        began_later || self.is_valid(now)
    }

    fn is_valid(&self, now: Nanos) -> bool {
        let version = self.timeline.versions.now();
        let mut reads = self.reads.lock();
        if now >= reads.expires_at {
            return false;
        }
        if let Some(Dependencies { tags, since, is_valid, .. }) = &reads.ended {
            return *is_valid && self.is_query_valid_since(*since) && tags.is_valid_since(*since);
        }
        if reads.valid_as_of == version && !reads.has_foreign && !self.timeline.is_uncertain() {
            return true;
        }
        let is_valid = self.was_valid_from_the_start() && reads.sets.values().all(Read::is_valid);
        if is_valid {
            reads.valid_as_of = version;
        }
        is_valid
    }

    fn attach(&self, timeline: &Arc<Timeline>, sets: [TagSet; 3], since: Version, lifetime: Lifetime) {
        if self.query.reads_answers() {
            self.timeline.versions.invalidate(|version| self.query.node.raise(version));
        }
        let is_foreign = !Arc::ptr_eq(timeline, &self.timeline);
        let expires_at = match lifetime {
            Lifetime::Unlimited => FOREVER,
            Lifetime::OVER => 0,
            Lifetime::Until(_) if self.own_ttl => FOREVER,
            Lifetime::Until(expires_at) if !is_foreign => expires_at,
            // Clocks of two caches agree in pace only. This one is read first, as time passes in between.
            Lifetime::Until(expires_at) => catch(|| {
                let now = self.timeline.time.now();
                now.saturating_add(expires_at.saturating_sub(timeline.time.now()))
            })
            // If a clock panics, the load still ends, without storing its value.
            .unwrap_or_default(),
        };
        let everything = is_foreign.then(|| timeline.everything.clone().into());
        let mut reads = self.reads.lock();
        let Reads { sets: known, has_foreign, expires_at: earliest, valid_as_of, ended: None } = &mut *reads else {
            return;
        };
        for set in sets.into_iter().chain(everything).filter(|set| set.len() > 0) {
            let foreign = is_foreign.then(|| timeline.clone());
            *has_foreign |= is_foreign || set.has_foreign();
            let read = known.entry(set.address()).or_insert(Read { set, since, foreign });
            read.since = read.since.min(since);
        }
        *earliest = (*earliest).min(expires_at);
        *valid_as_of = (*valid_as_of).min(since);
    }

    /// Attaches what the body of several loads has read.
    pub(crate) fn attach_read(&self, read: &Dependencies) {
        if read.is_private {
            self.set_private();
        }
        if read.tags.len() > 0 || read.expires_at < FOREVER {
            let sets = [read.tags.clone(), TagSet::default(), TagSet::default()];
            self.attach(&self.timeline, sets, read.since, Lifetime::Until(read.expires_at));
        }
    }

    /// Attaches what a value of the second level depends on.
    #[cfg(feature = "shared")]
    pub(crate) fn attach_taken(&self, read: TagSet, expires_at: Nanos) {
        let sets = [read, TagSet::default(), TagSet::default()];
        self.attach(&self.timeline, sets, self.birth, Lifetime::Until(expires_at));
    }

    /// Returns its tags, `late` ones from its result, and the answers that it read. Later answers have no effect.
    pub(crate) fn end(&self, late: &TagSet) -> Dependencies {
        // Read first: what is found valid after that is valid as of this version.
        let version = self.timeline.versions.now();
        let is_private = self.is_private();
        let mut is_valid = !is_private && self.was_valid_from_the_start() && late.is_valid_since(self.birth);
        let mut tags = TagSetBuilder::default();
        let mut reads = self.reads.lock();
        if let Some(ended) = &reads.ended {
            return ended.clone();
        }
        if reads.sets.is_empty() && late.len() == 0 {
            let (tags, expires_at) = (self.tags.clone(), reads.expires_at);
            let since = if is_valid { version } else { self.birth };
            let shareable_before = Version::MAX;
            let dependencies = Dependencies { tags, since, is_valid, is_private, shareable_before, expires_at };
            return reads.ended.insert(dependencies).clone();
        }
        let mut shareable_before = Version::MAX;
        tags.add_all(&self.tags);
        tags.add_all(late);
        for read in reads.sets.values() {
            let foreign = read.foreign.as_ref().map(|timeline| timeline.versions.now());
            let is_still_valid = read.is_valid();
            if !is_still_valid {
                is_valid = false;
                shareable_before = shareable_before.min(self.invalid_after(&read.set, foreign.is_some(), read.since));
            }
            let since = |version| if is_still_valid { version } else { read.since };
            tags.depend_on_all(&read.set, foreign.map(since));
        }
        let (tags, since) = (tags.build(), if is_valid { version } else { self.birth });
        let expires_at = reads.expires_at;
        let mut dependencies = Dependencies { tags, since, is_valid, is_private, shareable_before, expires_at };
        reads.ended = Some(dependencies.clone());
        let sets = std::mem::take(&mut reads.sets);
        drop(reads);
        drop(sets);
        // Only in this copy: later callers check the late tags themselves.
        if !late.is_valid_since(self.birth) {
            let invalid_after = self.invalid_after(late, false, self.birth);
            dependencies.shareable_before = dependencies.shareable_before.min(invalid_after);
        }
        dependencies
    }

    /// Callers that arrived before this version may share what was valid `since`, and is not any more.
    fn invalid_after(&self, set: &TagSet, is_foreign: bool, since: Version) -> Version {
        // Versions of another cache cannot be compared, and what is suspended was invalidated at none.
        let has_version = !is_foreign && !set.has_foreign() && !self.timeline.is_uncertain();
        if has_version { since + 1 } else { 0 }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    Until(Nanos),
    /// Of the answer that there is no value.
    Unlimited,
}

impl Lifetime {
    /// Keeps the enclosing loads from being stored.
    pub(crate) const OVER: Self = Self::Until(0);

    /// Of an answer that may have expired.
    pub(crate) fn of_served(meta: &Meta, now: Nanos) -> Self {
        if now < meta.expires_at { Self::Until(meta.expires_at) } else { Self::OVER }
    }
}

/// Runs code that belongs to none of the loads on this thread. They are still running: the code must not wait for them.
pub(crate) fn outside<R>(code: impl FnOnce() -> R) -> R {
    let _depth = FormerDepth(DEPTH.with(|depth| depth.replace(0)));
    code()
}

struct FormerDepth(usize);

impl Drop for FormerDepth {
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(self.0));
    }
}

/// Whether the running code belongs to the body of a hit that is audited.
pub(crate) fn is_in_audit() -> bool {
    is_inside() && with_current(|current| current.iter().any(|context| context.is_audit)) == Some(true)
}

#[inline]
pub(crate) fn is_inside() -> bool {
    DEPTH.with(Cell::get) > 0
}

/// Attaches an answer of a query to the innermost load on this thread. Sets may be empty. Not generic: compiled in this crate.
pub(crate) fn attach(
    timeline: &Arc<Timeline>,
    query: &QueryState,
    sets: [TagSet; 3],
    since: Version,
    lifetime: Lifetime,
) {
    if let Some(context) = innermost() {
        context.query.record_read(query);
        context.attach(timeline, sets, since, lifetime);
    }
}

/// The running code reads in a transaction: none of the loads that it belongs to is stored or shared.
pub(crate) fn set_running_private() {
    with_current(|current| current.iter().for_each(|context| context.set_private()));
}

/// The same for the innermost load, which then passes it on.
pub(crate) fn set_innermost_private() {
    if let Some(context) = innermost() {
        context.set_private();
    }
}

/// The body of the innermost load asks for an answer of a query.
pub(crate) fn record_question() {
    if let Some(context) = innermost()
        && context.began_at.is_some()
    {
        context.has_asked.store(1, Ordering::Release);
    }
}

fn innermost() -> Option<Arc<Context>> {
    if !is_inside() {
        return None;
    }
    RUNNING.try_with(|running| running.borrow().last().cloned()).ok().flatten()
}

/// Those that the running code belongs to.
pub(crate) fn with_current<R>(with: impl FnOnce(&[Arc<Context>]) -> R) -> Option<R> {
    with_running(|running| with(&running[running.len() - DEPTH.with(Cell::get)..]))
}

/// All whose bodies this thread runs. `None` on a thread that is ending and has dropped the list: later destructors may use
/// caches.
pub(crate) fn with_running<R>(with: impl FnOnce(&[Arc<Context>]) -> R) -> Option<R> {
    RUNNING.try_with(|running| with(&running.borrow())).ok()
}

pub(crate) struct Running {
    is_entered: bool,
}

impl Running {
    pub(crate) fn enter(context: &Arc<Context>) -> Self {
        let is_entered = RUNNING.try_with(|running| running.borrow_mut().push(context.clone())).is_ok();
        let running = Self { is_entered };
        if is_entered {
            DEPTH.with(|depth| depth.set(depth.get() + 1));
            // If a subscriber panics, `running` is dropped.
            context.span.enter();
        }
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_entered {
            DEPTH.with(|depth| depth.set(depth.get() - 1));
            let left = RUNNING.try_with(|running| running.borrow_mut().pop());
            // After the borrow: this may be the last reference to what the body read.
            if let Ok(Some(context)) = left {
                context.span.exit();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, OnceLock};
    use std::task::{Context, Waker};

    use futures_lite::future::{block_on, yield_now};

    use crate::{Cache, EntryOptions, HasCache, Observer, TaggedCache, cached_query, events};

    type Numbers = TaggedCache<u32, u32>;

    #[derive(Clone, HasCache)]
    struct Sums {
        cache: Cache,
    }

    impl Sums {
        #[cached_query]
        fn sum(&self) -> u32 {
            self.number() + 1
        }

        #[cached_query]
        fn number(&self) -> u32 {
            1
        }
    }

    /// Asks, at the first miss of the inner query, for the load around it.
    #[derive(Clone, Default)]
    struct Asks(Arc<(OnceLock<Sums>, AtomicU32)>);

    impl Observer for Asks {
        fn missed(&self, event: &events::Missed<'_>) {
            let (sums, asked) = &*self.0;
            if event.call.query == "number" && asked.swap(1, Ordering::Relaxed) == 0 {
                asked.store(sums.get().expect("it is set").sum(), Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn p6_an_observer_does_not_wait_for_the_load_around_it() {
        let asks = Asks::default();
        let sums = Sums { cache: Cache::builder().observer(asks.clone()).build() };
        assert!(asks.0.0.set(sums.clone()).is_ok());
        assert_eq!((sums.sum(), asks.0.1.load(Ordering::Relaxed)), (2, 2));
    }

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

    /// The key has no node when it is asked for.
    #[test]
    fn p15_what_was_made_from_an_answer_asked_for_outside_is_not_served_after_an_insert() {
        let (inner, outer) = (Numbers::new(), Numbers::new());
        let ask = || {
            let mut asked = Box::pin(inner.get_or_load_async(&1, async || {
                yield_now().await;
                0
            }));
            assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            asked
        };
        let (leader, follower) = (ask(), ask());
        let options = || EntryOptions::new().own_ttl();
        assert_eq!(block_on(outer.entry(&2).with(options).or_load_async(async || leader.await)), 0);
        assert_eq!(outer.get(&2), Some(0));
        assert_eq!(block_on(outer.entry(&3).with(options).or_load_async(async || follower.await)), 0);
        assert_eq!(outer.get(&3), None, "an insert may have come between the end of the load and this");
        inner.insert(1, 1);
        assert_eq!(outer.get(&2), None);
    }
}
