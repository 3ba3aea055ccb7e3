//! The bodies of loads, and what may happen in them.

use std::hint;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};

use super::report::Count;
use super::request::Call;
use super::slot::{Answer, SlotId, Trap};
use super::worker::{Api, Within, Worker};

/// The error of a load, which callers can't share: it is no `Clone`.
pub(super) struct Failed {
    /// The call whose body made it.
    pub(super) call: u64,
}

/// What a body panics with, which nobody need hear of.
pub(super) struct PlannedPanic;

/// How many bodies there may be within each other.
const DEPTH: u32 = 3;

/// A body that is being run. Dropped without having ended well, it has failed.
pub(super) struct Body<'a> {
    worker: &'a Worker,
    errors: &'a Count,
    is_well: bool,
}

impl<'a> Body<'a> {
    pub(super) fn begin(worker: &'a Worker, is_query: bool, has_loaded: &AtomicBool) -> Self {
        let tally = &worker.tally;
        let (loads, errors) = if is_query {
            (&tally.query_loads, &tally.query_load_errors)
        } else {
            (&tally.hand_loads, &tally.hand_load_errors)
        };
        loads.add(1);
        has_loaded.store(true, Ordering::Relaxed);
        worker.enter_body();
        Self { worker, errors, is_well: false }
    }

    pub(super) fn end_well(&mut self) {
        self.is_well = true;
    }
}

impl Drop for Body<'_> {
    fn drop(&mut self) {
        self.worker.leave_body();
        if !self.is_well {
            self.errors.add(1);
        }
    }
}

impl Call<'_> {
    fn body(&self) -> Body<'_> {
        Body::begin(self.worker, self.of.kind().is_query(), &self.has_loaded)
    }

    /// Loads a value. This may panic.
    pub(super) async fn load(&self, key: usize) -> Answer {
        let mut body = self.body();
        let mut answer = self.read(key).await;
        body.end_well();
        answer.trap = Trap::armed();
        answer
    }

    /// Loads a value, or fails. This may panic.
    pub(super) async fn try_load(&self, key: usize) -> Result<Answer, Failed> {
        let mut body = self.body();
        let mut answer = self.read(key).await;
        if self.worker.dice.below(256) < 6 {
            return Err(Failed { call: self.number });
        }
        body.end_well();
        answer.trap = Trap::armed();
        Ok(answer)
    }

    async fn read(&self, key: usize) -> Answer {
        let of = SlotId { key, ..self.of };
        let answer = self.worker.world.read(of);
        let errand = self.errand.lock().unwrap().take();
        if let Some(errand) = errand {
            let _ = errand.await;
        }
        self.worker.dawdle(of, self.within).await;
        answer
    }
}

impl Worker {
    /// Between a load's reading and its end. Most loads are fast: what is slow is slow for all.
    async fn dawdle(&self, of: SlotId, within: Within) {
        match self.dice.below(256) {
            0..12 => {
                for _ in 0..=self.dice.below(5) {
                    self.give_way(within).await;
                }
            }
            12..24 => (0..self.dice.below(2_000)).for_each(|_| hint::spin_loop()),
            24..56 if within.depth < DEPTH => self.ask_in_body(within).await,
            56..60 => self.write(of, within).await,
            60..64 => self.write(self.world.pick(&self.dice), within).await,
            64..66 => resume_unwind(Box::new(PlannedPanic)),
            _ => {}
        }
    }

    /// What becomes of it is of no interest here, except that a panic is passed on.
    async fn ask_in_body(&self, within: Within) {
        let of = self.world.pick(&self.dice);
        let may_be_pending = within.api != Api::Blocking;
        match self.dice.below(10) {
            8.. => {
                let _ = self.ask_view_boxed(self.pick_view(), within).await;
            }
            0..2 if may_be_pending => {
                let _ = self.ask_two(of, within).await;
            }
            2..4 if may_be_pending => {
                let _ = self.doom(self.ask_boxed(of, within)).await;
            }
            _ => {
                let _ = self.ask_boxed(of, within).await;
            }
        }
        self.give_way(within).await;
    }
}
