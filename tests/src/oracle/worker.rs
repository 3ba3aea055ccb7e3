//! A thread or a task of a run. Both do the same; they differ only in how they wait.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use futures_lite::{FutureExt, future};

use super::Budget;
use super::harness::{Activity, Harness};
use super::random::Random;
use super::report::Tally;
use super::scenario::TICK;
use super::slot::SlotId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    /// Blocking functions. What such a worker awaits is never pending.
    Blocking,
    /// Either, at random.
    Either,
    /// Futures only: other tasks need the thread.
    Async,
}

/// Where a worker is in its work.
#[derive(Clone, Copy)]
pub(super) struct Context {
    pub(super) depth: u32,
    pub(super) api: Api,
}

impl Context {
    pub(super) fn body(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    /// In one of several concurrent futures. It must not block: another of them may be the leader it waits for.
    pub(super) fn branch(self) -> Self {
        Self { api: Api::Async, ..self }
    }
}

pub(super) struct Worker {
    pub(super) harness: Arc<Harness>,
    number: usize,
    pub(super) api: Api,
    pub(super) random: Random,
    pub(super) tally: Tally,
}

impl Worker {
    pub(super) fn new(harness: &Arc<Harness>, number: usize, api: Api, seed: u64) -> Self {
        Self { harness: harness.clone(), number, api, random: Random::new(seed), tally: Tally::default() }
    }

    pub(super) fn into_tally(self) -> Tally {
        self.tally
    }

    /// Another worker with the same number.
    pub(super) fn forked(&self) -> Self {
        Self::new(&self.harness, self.number, self.api, self.random.seed())
    }

    pub(super) async fn run(&self, budget: Budget, start: Instant) {
        /// The clock is read once in this many operations.
        const BATCH: u64 = 64;
        let mut operations = 0;
        loop {
            let is_over = match budget {
                Budget::Operations(most) => operations >= most,
                Budget::Time(time) => start.elapsed() >= time,
            };
            if is_over {
                break;
            }
            for _ in 0..BATCH {
                self.operate().await;
            }
            operations += BATCH;
        }
        self.harness.record_activity(self.number, Activity::Idle, SlotId { place: 0, key: 0 });
        self.tally.operations.add(operations);
    }

    async fn operate(&self) {
        match self.random.below(32) {
            _ if self.api == Api::Blocking => self.act_and_catch().await,
            0..4 => {
                self.catch_planned_panics(self.maybe_cancel(self.act())).await;
            }
            4..6 if self.api == Api::Async => self.abort_forked_task().await,
            // Without yields, a task that only hits never gives its thread up.
            6..10 => {
                self.act_and_catch().await;
                self.yield_now(self.top_level()).await;
            }
            _ => self.act_and_catch().await,
        }
    }

    fn top_level(&self) -> Context {
        Context { depth: 0, api: self.api }
    }

    pub(super) async fn act_and_catch(&self) {
        self.catch_planned_panics(self.act()).await;
    }

    async fn catch_planned_panics(&self, work: impl Future + Send) {
        // A failed load is no violation, and neither is a planned panic.
        if let Err(panic) = AssertUnwindSafe(work).catch_unwind().await {
            self.harness.check_panic(panic);
        }
    }

    async fn act(&self) {
        let (scenario, context) = (self.harness.scenario, self.top_level());
        let of = self.harness.pick(&self.random);
        let roll = self.random.below(256);
        // The outermost activity is recorded, not those in bodies.
        let record_activity = |activity| self.harness.record_activity(self.number, activity, of);
        if roll < scenario.writes {
            record_activity(Activity::Writing);
            self.write(of, context).await;
        } else if roll < scenario.writes + 32 {
            record_activity(Activity::Getting);
            self.get(of, context).await;
        } else if roll < scenario.writes + 40 {
            record_activity(Activity::Maintaining);
            match &self.harness.clock {
                Some(clock) if !roll.is_multiple_of(4) => clock.advance(TICK * (1 + self.random.below(8))),
                _ if self.random.one_in(2) => self.harness.set_down(self.random.one_in(2)),
                _ => self.maintenance(),
            }
        } else if roll < scenario.writes + 100 {
            record_activity(Activity::CallingView);
            let _ = self.call_view(self.pick_view(), context).await;
        } else {
            record_activity(Activity::Calling);
            let _ = match roll % 8 {
                0 => self.call_two(of, context).await,
                1 => self.call_list(of, context).await,
                _ => self.call(of, context).await.map(drop),
            };
        }
    }

    /// Gets a value without loading it, where the kind allows that.
    async fn get(&self, of: SlotId, context: Context) {
        let SlotId { place, key } = of;
        if of.kind().is_query() {
            let _ = self.call(of, context).await;
            return;
        }
        self.tally.direct_calls.add(1);
        let direct = self.harness.direct(place);
        let expected = self.harness.expectation(of);
        match direct.get(&key) {
            Some(mut answer) => {
                answer.received();
                self.harness.check(expected, &answer);
            }
            None => self.tally.get_misses.add(1),
        }
    }

    /// Whether to call a blocking function.
    pub(super) fn blocks(&self, context: Context) -> bool {
        match context.api {
            Api::Blocking => true,
            Api::Either => self.random.one_in(2),
            Api::Async => false,
        }
    }

    pub(super) async fn yield_now(&self, context: Context) {
        if self.blocks(context) { thread::yield_now() } else { future::yield_now().await }
    }

    pub(super) fn enter_body(&self) {
        self.harness.record_bodies(self.number, |bodies| bodies + 1);
    }

    pub(super) fn leave_body(&self) {
        self.harness.record_bodies(self.number, |bodies| bodies - 1);
    }
}
