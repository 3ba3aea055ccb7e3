//! Outer queries: their bodies read slots and other outer queries. No write names an outer query, only what it reads.
//!
//! The answer of an outer query lists the answers that its body got. Each is checked as if the caller had read the slot
//! itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cache_core::{Cache, HasCache, cached_query};
use futures_lite::future::{self, block_on};

use super::faults::{maybe_use_cache_in_clone, maybe_yield};
use super::harness::{Harness, ViewExpectation};
use super::load::{Body, Failed};
use super::request::Boxed;
use super::slot::{Answer, DropBomb, KINDS, SlotId};
use super::worker::{Api, Context, Worker};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ViewId {
    pub(super) kind: ViewKind,
    /// The place of the call, and the key.
    pub(super) at: SlotId,
}

/// How it is called, and what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ViewKind {
    /// An annotated method that reads slots of its own cache and of another.
    Annotated,
    /// An annotated method that reads two of [`ViewKind::Annotated`], and a slot.
    AnnotatedDeep,
    /// An entry of a [`TaggedCache`](cache_core::TaggedCache), whose body reads slots of other caches.
    Tagged,
    /// An entry of a `TaggedCache`, whose body reads [`ViewKind::Tagged`] of its own cache, and
    /// [`ViewKind::Annotated`].
    TaggedDeep,
}

const VIEW_KINDS: [ViewKind; 4] =
    [ViewKind::Annotated, ViewKind::AnnotatedDeep, ViewKind::Tagged, ViewKind::TaggedDeep];

/// A key whose drop sometimes panics.
#[derive(Clone, Debug)]
pub(super) struct ViewKey {
    kind: ViewKind,
    key: usize,
    _bomb: DropBomb,
}

impl PartialEq for ViewKey {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, self.key) == (other.kind, other.key)
    }
}

impl Eq for ViewKey {}

impl std::hash::Hash for ViewKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.kind, self.key).hash(state);
    }
}

/// The answer of an outer query.
#[derive(Debug)]
pub(super) struct View {
    pub(super) of: ViewId,
    pub(super) parts: Vec<Answer>,
    /// A time after the start of its load. The maximum without a manual clock.
    pub(super) made_at: Duration,
    /// The event after which its body began.
    pub(super) began: u64,
    bomb: DropBomb,
}

impl Clone for View {
    fn clone(&self) -> Self {
        maybe_yield();
        maybe_use_cache_in_clone();
        Self { parts: self.parts.clone(), bomb: DropBomb::armed(), ..*self }
    }
}

impl View {
    /// To be called after a cache returned it: from then on its drop does not panic.
    pub(super) fn received(&mut self) {
        self.bomb.defuse();
        self.parts.iter_mut().for_each(Answer::received);
    }
}

/// The error of an outer query, which callers may share.
#[derive(Clone, Debug)]
pub(super) struct ViewFailed {
    pub(super) of: ViewId,
    load: Arc<FailedLoad>,
}

#[derive(Debug, Default)]
struct FailedLoad {
    /// The event at which the first caller got the error: the load has ended by then. 0 before.
    over_at: AtomicU64,
}

impl ViewFailed {
    fn new(of: ViewId) -> Self {
        Self { of, load: Arc::default() }
    }

    /// Whether the load of this error had ended before a call began, at the event `called_at`: then the error was
    /// stored.
    pub(super) fn was_over_at(&self, called_at: u64, harness: &Harness) -> bool {
        let over_at = self.load.over_at.load(Ordering::SeqCst);
        let _ = self.load.over_at.compare_exchange(0, harness.event(), Ordering::SeqCst, Ordering::SeqCst);
        over_at != 0 && over_at < called_at
    }
}

impl ViewId {
    fn slots(self, keys: usize) -> Vec<SlotId> {
        let SlotId { place, key } = self.at;
        let beside = |by| SlotId { place, key: (key + by) % keys };
        match (self.kind, key % 4) {
            // The inner queries read the other slots.
            (ViewKind::AnnotatedDeep | ViewKind::TaggedDeep, _) => vec![beside(4)],
            (_, 0) => vec![beside(0)],
            // Slots of three kinds, often in two caches.
            (_, 1) => vec![beside(0), beside(1), beside(2)],
            (_, 2) => vec![beside(0), beside(KINDS.len()), beside(2 * KINDS.len())],
            // One slot in its place, one in the root.
            _ => vec![beside(0), SlotId { place: 0, ..beside(1) }],
        }
    }

    fn inner(self, keys: usize) -> Vec<Self> {
        let of = |kind, by| Self { kind, at: SlotId { key: (self.at.key + by) % keys, ..self.at } };
        match self.kind {
            ViewKind::Annotated | ViewKind::Tagged => Vec::new(),
            ViewKind::AnnotatedDeep => vec![of(ViewKind::Annotated, 0), of(ViewKind::Annotated, 1)],
            ViewKind::TaggedDeep => vec![of(ViewKind::Tagged, 0), of(ViewKind::Annotated, 3)],
        }
    }

    /// All slots that its answer may contain.
    pub(super) fn shows(self, keys: usize) -> Vec<SlotId> {
        let inner = self.inner(keys).into_iter().flat_map(|inner| inner.shows(keys));
        self.slots(keys).into_iter().chain(inner).collect()
    }
}

/// Like [`Call`](super::request::Call), for an outer query.
pub(super) struct ViewCall<'a> {
    worker: &'a Worker,
    of: ViewId,
    context: Context,
    has_loaded: AtomicBool,
    is_answered: bool,
}

impl Drop for ViewCall<'_> {
    fn drop(&mut self) {
        if !self.is_answered && !self.has_loaded.load(Ordering::Relaxed) {
            self.worker.tally.abandoned.add(1);
        }
    }
}

impl ViewCall<'_> {
    async fn load(&self) -> Result<View, ViewFailed> {
        let mut body = Body::begin(self.worker, self.of.is_annotated(), &self.has_loaded);
        let (began, made_at) = (self.worker.harness.event(), self.worker.harness.now());
        let mut parts = Vec::new();
        let (read, random) = (self.read(&mut parts).await, &self.worker.random);
        // A body may return a value in spite of an error.
        if random.one_in(24) || read.is_err() && random.one_in(2) {
            return Err(ViewFailed::new(self.of));
        }
        body.end_well();
        Ok(View { of: self.of, parts, made_at, began, bomb: DropBomb::armed() })
    }

    async fn read(&self, parts: &mut Vec<Answer>) -> Result<(), Failed> {
        let (worker, keys) = (self.worker, self.worker.harness.scenario.keys);
        for inner in self.of.inner(keys) {
            if let Ok(view) = worker.call_view_boxed(inner, self.context).await {
                parts.extend(view.parts);
            }
            worker.pause(self.context).await;
        }
        let slots = self.of.slots(keys);
        if let [first, rest @ ..] = &slots[..]
            && self.context.api != Api::Blocking
            && worker.random.one_in(4)
        {
            // Concurrently, as in `join!`.
            let branch = self.context.branch();
            let rest = async {
                let mut answers = Vec::new();
                for &slot in rest {
                    answers.push(worker.call_boxed(slot, branch).await?);
                }
                Ok(answers)
            };
            let (first, rest) = future::zip(worker.call_boxed(*first, branch), rest).await;
            parts.push(first?);
            parts.extend(rest?);
            return Ok(());
        }
        for slot in slots {
            parts.push(worker.call_boxed(slot, self.context).await?);
            worker.pause(self.context).await;
        }
        Ok(())
    }
}

impl ViewId {
    pub(super) fn is_annotated(self) -> bool {
        matches!(self.kind, ViewKind::Annotated | ViewKind::AnnotatedDeep)
    }
}

/// Gives one call access to the annotated outer queries of one place.
struct Views<'a, 'e> {
    call: &'a ViewCall<'e>,
    cache: Cache,
}

impl HasCache for Views<'_, '_> {
    fn cache(&self) -> &Cache {
        &self.cache
    }
}

impl Views<'_, '_> {
    #[cached_query]
    fn view(&self, key: usize) -> Result<View, ViewFailed> {
        let _ = key;
        block_on(self.call.load())
    }

    #[cached_query]
    fn deep_view(&self, key: usize) -> Result<View, ViewFailed> {
        let _ = key;
        block_on(self.call.load())
    }

    #[cached_query]
    async fn async_view(&self, key: usize) -> Result<View, ViewFailed> {
        let _ = key;
        self.call.load().await
    }

    #[cached_query]
    async fn async_deep_view(&self, key: usize) -> Result<View, ViewFailed> {
        let _ = key;
        self.call.load().await
    }
}

impl Worker {
    pub(super) fn pick_view(&self) -> ViewId {
        ViewId { kind: VIEW_KINDS[self.random.index(VIEW_KINDS.len())], at: self.harness.pick(&self.random) }
    }

    pub(super) async fn call_view(&self, of: ViewId, context: Context) -> Result<View, ViewFailed> {
        let blocks = self.blocks(context);
        let mut call = ViewCall {
            worker: self,
            of,
            context: context.body(),
            has_loaded: AtomicBool::new(false),
            is_answered: false,
        };
        let SlotId { place, key } = of.at;
        // No await between this and the call: a future that is dropped there would be counted but not called.
        let calls = if of.is_annotated() { &self.tally.query_calls } else { &self.tally.direct_calls };
        calls.add(1);
        let expected = self.harness.view_expectation(of);
        let result = if of.is_annotated() {
            let views = Views { call: &call, cache: self.harness.cache(place) };
            match (of.kind, blocks) {
                (ViewKind::AnnotatedDeep, true) => views.deep_view(key),
                (ViewKind::AnnotatedDeep, false) => views.async_deep_view(key).await,
                (_, true) => views.view(key),
                (_, false) => views.async_view(key).await,
            }
        } else {
            let views = self.harness.views(place);
            let key = ViewKey { kind: of.kind, key, _bomb: DropBomb::default() };
            if blocks {
                views.entry(&key).or_try_load(|| block_on(call.load()))
            } else {
                views.entry(&key).or_try_load_async(|| call.load()).await
            }
        };
        call.end(&expected, result)
    }

    pub(super) fn call_view_boxed(&self, of: ViewId, context: Context) -> Boxed<'_, Result<View, ViewFailed>> {
        Box::pin(self.call_view(of, context))
    }

    /// Lets other workers write between two reads of a body.
    async fn pause(&self, context: Context) {
        if self.random.one_in(8) {
            self.yield_now(context).await;
        }
    }
}

impl ViewCall<'_> {
    fn end(&mut self, expected: &ViewExpectation, mut result: Result<View, ViewFailed>) -> Result<View, ViewFailed> {
        let (worker, has_loaded) = (self.worker, self.has_loaded.load(Ordering::Relaxed));
        match &mut result {
            Ok(view) => {
                view.received();
                worker.harness.check_view(expected, view);
                self.is_answered = true;
            }
            Err(error) => {
                worker.harness.check_view_error(expected, error);
                if !has_loaded {
                    self.is_answered = true;
                    worker.tally.shared_errors.add(1);
                }
            }
        }
        result
    }
}
