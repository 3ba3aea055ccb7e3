//! The bodies of loads, and what may happen in them.

use std::hint;
use std::panic::resume_unwind;
use std::thread;

use super::report::Count;
use super::request::Worker;
use super::slot::{Answer, Kind, SlotId};

/// The error of a load.
pub(super) struct Failed;

/// What a load panics with, which nobody need hear of.
pub(super) struct PlannedPanic;

/// How many bodies there may be within each other.
const DEPTH: u32 = 3;

/// A body that is being run. Dropped without having ended well, it has failed.
struct Body<'a> {
    worker: &'a Worker<'a>,
    errors: &'a Count,
    is_well: bool,
}

impl Drop for Body<'_> {
    fn drop(&mut self) {
        self.worker.depth.set(self.worker.depth.get() - 1);
        if !self.is_well {
            self.errors.add(1);
        }
    }
}

impl Worker<'_> {
    fn body(&self, kind: Kind) -> Body<'_> {
        let tally = &self.tally;
        let (loads, errors) = if kind.is_query() {
            (&tally.query_loads, &tally.query_load_errors)
        } else {
            (&tally.hand_loads, &tally.hand_load_errors)
        };
        loads.add(1);
        self.depth.set(self.depth.get() + 1);
        Body { worker: self, errors, is_well: false }
    }

    /// Loads a value. This may panic.
    pub(super) fn load(&self, of: SlotId) -> Answer {
        let mut body = self.body(of.kind());
        let answer = self.world.read(of);
        self.dawdle(of);
        body.is_well = true;
        answer
    }

    /// Loads a value, or fails. This may panic.
    pub(super) fn try_load(&self, of: SlotId) -> Result<Answer, Failed> {
        let mut body = self.body(of.kind());
        let answer = self.world.read(of);
        self.dawdle(of);
        if fastrand::u8(..) < 6 {
            return Err(Failed);
        }
        body.is_well = true;
        Ok(answer)
    }

    /// Between a load's reading and its end. Most loads are fast: what is slow is slow for all.
    fn dawdle(&self, of: SlotId) {
        match fastrand::u32(..256) {
            0..12 => (0..fastrand::u32(1..6)).for_each(|_| thread::yield_now()),
            12..24 => (0..fastrand::u32(..2_000)).for_each(|_| hint::spin_loop()),
            24..56 if self.depth.get() < DEPTH => {
                // What becomes of it is of no interest here, except that a panic is passed on.
                let _ = self.ask(self.world.pick());
                thread::yield_now();
            }
            56..60 => self.write(of),
            60..64 => self.write(self.world.pick()),
            64..66 => resume_unwind(Box::new(PlannedPanic)),
            _ => {}
        }
    }
}
