//! The bodies of loads, and the faults in them.

use std::hint;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};

use super::report::Count;
use super::request::Call;
use super::slot::{Answer, DropBomb, Kind, SlotId};
use super::worker::{Api, Context, Worker};

/// The error of a load, without `Clone`: callers cannot share it.
pub(super) struct Failed {
    /// The call whose body made it.
    pub(super) call: u64,
}

/// The payload of a planned panic, which is no violation.
pub(super) struct PlannedPanic;

const DEPTH: u32 = 3;

/// A body that is running. Unless `end_well` is called, it counts as failed.
pub(super) struct Body<'a> {
    worker: &'a Worker,
    errors: &'a Count,
    /// The number of loads.
    ids: u64,
    is_well: bool,
}

impl<'a> Body<'a> {
    pub(super) fn begin(worker: &'a Worker, is_query: bool, has_loaded: &AtomicBool) -> Self {
        Self::begin_all(worker, is_query, 1, has_loaded)
    }

    /// The body of so many loads.
    pub(super) fn begin_all(worker: &'a Worker, is_query: bool, ids: u64, has_loaded: &AtomicBool) -> Self {
        let tally = &worker.tally;
        let (loads, errors) = if is_query {
            (&tally.query_loads, &tally.query_load_errors)
        } else {
            (&tally.direct_loads, &tally.direct_load_errors)
        };
        loads.add(ids);
        has_loaded.store(true, Ordering::Relaxed);
        worker.enter_body();
        Self { worker, errors, ids, is_well: false }
    }

    pub(super) fn end_well(&mut self) {
        self.is_well = true;
    }
}

impl Drop for Body<'_> {
    fn drop(&mut self) {
        self.worker.leave_body();
        if !self.is_well {
            self.errors.add(self.ids);
        }
    }
}

impl Call<'_> {
    fn body(&self) -> Body<'_> {
        Body::begin(self.worker, self.of.kind().is_query(), &self.has_loaded)
    }

    /// May panic.
    pub(super) async fn load(&self, key: usize) -> Answer {
        let mut body = self.body();
        let mut answer = self.read(key).await;
        body.end_well();
        answer.bomb = DropBomb::armed();
        answer
    }

    /// May fail or panic.
    pub(super) async fn try_load(&self, key: usize) -> Result<Answer, Failed> {
        let mut body = self.body();
        let mut answer = self.read(key).await;
        let is_down = self.of.kind() == Kind::Aged && self.worker.harness.is_down();
        if is_down || self.worker.random.below(256) < 6 {
            return Err(self.fail([self.of]));
        }
        body.end_well();
        answer.bomb = DropBomb::armed();
        Ok(answer)
    }

    /// The body ends with an error.
    pub(super) fn fail(&self, of: impl IntoIterator<Item = SlotId>) -> Failed {
        let floors = of.into_iter().map(|of| (of, self.worker.harness.floor(of)));
        self.failed.lock().unwrap().extend(floors);
        Failed { call: self.number }
    }

    async fn read(&self, key: usize) -> Answer {
        let of = SlotId { key, ..self.of };
        let answer = self.worker.harness.read(of);
        let pending = self.pending.lock().unwrap().take();
        if let Some(pending) = pending {
            let _ = pending.await;
        }
        self.worker.delay(of, self.context).await;
        answer
    }
}

impl Worker {
    /// What a body does between its read and its end. Most loads are fast: slow ones slow the whole run down.
    pub(super) async fn delay(&self, of: SlotId, context: Context) {
        match self.random.below(256) {
            0..12 => {
                for _ in 0..=self.random.below(5) {
                    self.yield_now(context).await;
                }
            }
            12..24 => (0..self.random.below(2_000)).for_each(|_| hint::spin_loop()),
            24..56 if context.depth < DEPTH => self.call_in_body(context).await,
            56..60 => self.write(of, context).await,
            60..64 => self.write(self.harness.pick(&self.random), context).await,
            64..66 => resume_unwind(Box::new(PlannedPanic)),
            _ => {}
        }
    }

    /// Ignores the result, except for a panic.
    async fn call_in_body(&self, context: Context) {
        let of = self.harness.pick(&self.random);
        let may_be_pending = context.api != Api::Blocking;
        match self.random.below(10) {
            8.. => {
                let _ = self.call_view_boxed(self.pick_view(), context).await;
            }
            0..2 if may_be_pending => {
                let _ = self.call_two(of, context).await;
            }
            2..4 if may_be_pending => {
                let _ = self.maybe_cancel(self.call_boxed(of, context)).await;
            }
            _ => {
                let _ = self.call_boxed(of, context).await;
            }
        }
        self.yield_now(context).await;
    }
}
