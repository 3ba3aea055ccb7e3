//! Outer queries: their bodies read slots, and other outer queries. No write names an outer query, only what it reads.
//!
//! What an outer query answers is the list of the answers that its body got. Each of them is judged as if the caller
//! had asked for the slot itself: by the floor that the slot had before the call, and by the slot's time to live.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cache_core::{Cache, HasCache, cached_query};
use futures_lite::future::{self, block_on};

use super::load::{Body, Failed};
use super::request::Boxed;
use super::slot::{Answer, SlotId, Trap};
use super::stumble::{in_clone, stumble};
use super::worker::{Api, Within, Worker};
use super::world::{AskedView, World};

/// An outer query and its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ViewId {
    pub(super) kind: ViewKind,
    /// The place that it is asked in, and its key.
    pub(super) at: SlotId,
}

/// How it is asked for, and what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ViewKind {
    /// An annotated method that reads slots: of its own cache, and of another.
    Annotated,
    /// One that reads two of [`ViewKind::Annotated`], and a slot.
    AnnotatedDeep,
    /// An entry of a [`TaggedCache`](cache_core::TaggedCache), whose body reads slots of other caches.
    Tagged,
    /// One whose body reads [`ViewKind::Tagged`] of its own cache, and [`ViewKind::Annotated`].
    TaggedDeep,
}

const KINDS: [ViewKind; 4] = [ViewKind::Annotated, ViewKind::AnnotatedDeep, ViewKind::Tagged, ViewKind::TaggedDeep];

/// A key of the cache of views, of which a drop panics now and then.
#[derive(Clone, Debug)]
pub(super) struct ViewKey {
    kind: ViewKind,
    key: usize,
    _trap: Trap,
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

/// What an outer query answers.
#[derive(Debug)]
pub(super) struct View {
    pub(super) of: ViewId,
    pub(super) parts: Vec<Answer>,
    /// A time at which its load had begun. The end of time without a manual clock.
    pub(super) made_at: Duration,
    trap: Trap,
}

impl Clone for View {
    fn clone(&self) -> Self {
        stumble();
        in_clone();
        Self { of: self.of, parts: self.parts.clone(), made_at: self.made_at, trap: Trap::armed() }
    }
}

impl View {
    /// To be called by whoever gets it from a cache: from now on its drop is the caller's.
    pub(super) fn received(&mut self) {
        self.trap.disarm();
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
    /// The event at which a first caller had the error; 0 before. The load had ended by then.
    over_at: AtomicU64,
}

impl ViewFailed {
    fn new(of: ViewId) -> Self {
        Self { of, load: Arc::default() }
    }

    /// Whether the load of this error had ended when a call began, at the event `asked_at`. If so, the error was kept
    /// after its load.
    pub(super) fn was_over_at(&self, asked_at: u64, world: &World) -> bool {
        let over_at = self.load.over_at.load(Ordering::SeqCst);
        let _ = self.load.over_at.compare_exchange(0, world.event(), Ordering::SeqCst, Ordering::SeqCst);
        over_at != 0 && over_at < asked_at
    }
}

impl ViewId {
    /// The slots that its body reads itself.
    fn slots(self, keys: usize) -> Vec<SlotId> {
        let SlotId { place, key } = self.at;
        let beside = |by| SlotId { place, key: (key + by) % keys };
        match (self.kind, key % 4) {
            // Two levels: the slots are those of the inner views, and one more.
            (ViewKind::AnnotatedDeep | ViewKind::TaggedDeep, _) => vec![beside(4)],
            // One slot.
            (_, 0) => vec![beside(0)],
            // Slots of three kinds, and so of two caches.
            (_, 1) => vec![beside(0), beside(1), beside(2)],
            // Three keys of one query.
            (_, 2) => vec![beside(0), beside(6), beside(12)],
            // A slot that is in no scope.
            _ => vec![beside(0), SlotId { place: 0, ..beside(1) }],
        }
    }

    /// The outer queries that its body asks.
    fn inner(self, keys: usize) -> Vec<Self> {
        let of = |kind, by| Self { kind, at: SlotId { key: (self.at.key + by) % keys, ..self.at } };
        match self.kind {
            ViewKind::Annotated | ViewKind::Tagged => Vec::new(),
            ViewKind::AnnotatedDeep => vec![of(ViewKind::Annotated, 0), of(ViewKind::Annotated, 1)],
            ViewKind::TaggedDeep => vec![of(ViewKind::Tagged, 0), of(ViewKind::Annotated, 3)],
        }
    }

    /// All slots of which it may show answers.
    pub(super) fn shows(self, keys: usize) -> Vec<SlotId> {
        let inner = self.inner(keys).into_iter().flat_map(|inner| inner.shows(keys));
        self.slots(keys).into_iter().chain(inner).collect()
    }
}

/// A call for a view. Like [`Call`](super::request::Call).
pub(super) struct ViewCall<'a> {
    worker: &'a Worker,
    of: ViewId,
    within: Within,
    has_loaded: AtomicBool,
    is_answered: bool,
}

impl Drop for ViewCall<'_> {
    fn drop(&mut self) {
        if !self.is_answered && !self.has_loaded.load(Ordering::Relaxed) {
            self.worker.tally.given_up.add(1);
        }
    }
}

impl ViewCall<'_> {
    async fn load(&self) -> Result<View, ViewFailed> {
        let mut body = Body::begin(self.worker, self.of.is_annotated(), &self.has_loaded);
        let made_at = self.worker.world.now();
        let mut parts = Vec::new();
        let (read, dice) = (self.read(&mut parts).await, &self.worker.dice);
        // A body may go on without what it did not get.
        if dice.one_in(24) || read.is_err() && dice.one_in(2) {
            return Err(ViewFailed::new(self.of));
        }
        body.end_well();
        Ok(View { of: self.of, parts, made_at, trap: Trap::armed() })
    }

    async fn read(&self, parts: &mut Vec<Answer>) -> Result<(), Failed> {
        let (worker, keys) = (self.worker, self.worker.world.room.keys);
        for inner in self.of.inner(keys) {
            if let Ok(view) = worker.ask_view_boxed(inner, self.within).await {
                parts.extend(view.parts);
            }
            worker.pause(self.within).await;
        }
        let slots = self.of.slots(keys);
        if let [first, rest @ ..] = &slots[..]
            && self.within.api != Api::Blocking
            && worker.dice.one_in(4)
        {
            // By turns with each other, as in a `join!`.
            let branch = self.within.branch();
            let rest = async {
                let mut answers = Vec::new();
                for &slot in rest {
                    answers.push(worker.ask_boxed(slot, branch).await?);
                }
                Ok(answers)
            };
            let (first, rest) = future::zip(worker.ask_boxed(*first, branch), rest).await;
            parts.push(first?);
            parts.extend(rest?);
            return Ok(());
        }
        for slot in slots {
            parts.push(worker.ask_boxed(slot, self.within).await?);
            worker.pause(self.within).await;
        }
        Ok(())
    }
}

impl ViewId {
    pub(super) fn is_annotated(self) -> bool {
        matches!(self.kind, ViewKind::Annotated | ViewKind::AnnotatedDeep)
    }
}

/// One call's access to the annotated outer queries of one place.
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
    /// Any outer query.
    pub(super) fn pick_view(&self) -> ViewId {
        ViewId { kind: KINDS[self.dice.index(KINDS.len())], at: self.world.pick(&self.dice) }
    }

    /// Asks an outer query, whose body runs if the answer is not in the cache.
    pub(super) async fn ask_view(&self, of: ViewId, within: Within) -> Result<View, ViewFailed> {
        let is_to_block = self.is_to_block(within);
        let mut call = ViewCall {
            worker: self,
            of,
            within: within.body(),
            has_loaded: AtomicBool::new(false),
            is_answered: false,
        };
        let SlotId { place, key } = of.at;
        // Nothing may be awaited between this and the call.
        let calls = if of.is_annotated() { &self.tally.query_calls } else { &self.tally.hand_calls };
        calls.add(1);
        let asked = self.world.asks_view(of);
        let result = if of.is_annotated() {
            let views = Views { call: &call, cache: self.world.cache(place) };
            match (of.kind, is_to_block) {
                (ViewKind::AnnotatedDeep, true) => views.deep_view(key),
                (ViewKind::AnnotatedDeep, false) => views.async_deep_view(key).await,
                (_, true) => views.view(key),
                (_, false) => views.async_view(key).await,
            }
        } else {
            let views = self.world.views(place);
            let key = ViewKey { kind: of.kind, key, _trap: Trap::default() };
            if is_to_block {
                views.entry(&key).or_try_load(|| block_on(call.load()))
            } else {
                views.entry(&key).or_try_load_async(|| call.load()).await
            }
        };
        call.end(&asked, result)
    }

    pub(super) fn ask_view_boxed(&self, of: ViewId, within: Within) -> Boxed<'_, Result<View, ViewFailed>> {
        Box::pin(self.ask_view(of, within))
    }

    /// Lets others write between what a body reads.
    async fn pause(&self, within: Within) {
        if self.dice.one_in(8) {
            self.give_way(within).await;
        }
    }
}

impl ViewCall<'_> {
    fn end(&mut self, asked: &AskedView, mut result: Result<View, ViewFailed>) -> Result<View, ViewFailed> {
        let (worker, has_loaded) = (self.worker, self.has_loaded.load(Ordering::Relaxed));
        match &mut result {
            Ok(view) => {
                view.received();
                worker.world.judge_view(asked, view);
                self.is_answered = true;
            }
            Err(error) => {
                worker.world.judge_view_error(asked, error);
                if !has_loaded {
                    self.is_answered = true;
                    worker.tally.shared_errors.add(1);
                }
            }
        }
        result
    }
}
