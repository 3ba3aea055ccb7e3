//! What a process has read and heard of the log.

use std::cmp::Ordering;

use crate::env::Env;
use crate::mechanism::{Mechanism, Mechanisms};
use crate::network::Polled;
use crate::protocol::{Doubt, Epoch, HOLD, Head, Id, Kind, MAX_LAG, POLL_LIMIT, Position, Publication, Query, Stored};
use crate::protocol::{Targets, Time, Token};

/// What is wrong with the log.
pub(super) enum Trouble {
    /// Records are missing.
    Gap,
    /// Ids were given twice, or will be: positions of this epoch mean nothing any more.
    Twice,
}

/// What was read after these records, if `read` was before them, and whether that is the end.
pub(super) fn read_on(mut read: Head, polled: &Polled, mechanisms: Mechanisms) -> Result<(Head, bool), Trouble> {
    let checks_gaps = mechanisms.has(Mechanism::GapCheck);
    let checks_nonces = mechanisms.has(Mechanism::PredecessorNonce);
    for record in &polled.records {
        if record.id != read.id + 1 {
            if checks_gaps {
                return Err(Trouble::Gap);
            }
        } else if record.predecessor != read.nonce && checks_nonces {
            return Err(Trouble::Twice);
        }
        (read.id, read.nonce) = (record.id, record.nonce);
    }
    let is_out_of_records = polled.records.len() < POLL_LIMIT;
    let Some(head) = polled.head else { return Ok((read, is_out_of_records)) };
    match head.id.cmp(&read.id) {
        Ordering::Less if mechanisms.has(Mechanism::StepBackCheck) => Err(Trouble::Twice),
        Ordering::Equal if head.nonce != read.nonce && checks_nonces => Err(Trouble::Twice),
        Ordering::Greater if is_out_of_records && checks_gaps => Err(Trouble::Gap),
        Ordering::Greater => Ok((read, is_out_of_records)),
        Ordering::Less | Ordering::Equal => Ok((read, true)),
    }
}

/// Whether the log is not to be relied upon, although it has a head.
pub(super) fn must_begin(polled: &Polled, mechanisms: Mechanisms) -> bool {
    let Some(head) = polled.head else { return true };
    (mechanisms.has(Mechanism::RunId) && head.run != polled.run)
        || (mechanisms.has(Mechanism::RefuseToCreate) && polled.last_in_stream != Some(head.id))
}

/// The position from which on the log is complete, and the index of the first record after it.
pub(super) fn complete_since(head: Head, polled: &Polled) -> (Position, usize) {
    let (mut id, mut nonce) = (head.id, head.nonce);
    let mut first = polled.records.len();
    while first > 0 && polled.records[first - 1].id == id && polled.records[first - 1].nonce == nonce {
        first -= 1;
        (id, nonce) = (id - 1, polled.records[first].predecessor);
    }
    (Position { epoch: head.epoch, id }, first)
}

/// A proof that everything before a time has been heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) heard_until: Time,
    pub(super) doubt: Doubt,
}

/// What was invalidated, by the log: the last record of each target, if it is younger than the floor.
#[derive(Default, Debug)]
struct History {
    epoch: Option<Epoch>,
    floor: Id,
    last: [Id; Query::COUNT],
}

/// An intent that was heard, and whose outcome was not.
#[derive(Debug)]
struct Hold {
    token: Token,
    targets: Targets,
    until: Time,
}

#[derive(Default, Debug)]
pub(super) struct Heard {
    /// What was read: the log as if this were its end.
    pub(super) read: Option<Head>,
    history: History,
    /// What the history and the memory show.
    pub(super) applied: Option<Position>,
    pub(super) lease: Option<Lease>,
    holds: Vec<Hold>,
}

impl Heard {
    /// The lease, while it is live.
    pub(super) fn lease(&self, env: &Env) -> Option<Lease> {
        if !env.mechanisms.has(Mechanism::Lease) {
            let doubt = self.lease.map(|lease| lease.doubt).unwrap_or_default();
            return Some(Lease { heard_until: env.now, doubt });
        }
        self.lease.filter(|lease| env.now <= lease.heard_until + MAX_LAG)
    }

    pub(super) fn is_of(&self, epoch: Epoch) -> bool {
        self.history.epoch == Some(epoch)
    }

    /// A new history begins, which lacks what was before this position.
    pub(super) fn restart(&mut self, position: Position, env: &Env) {
        if !self.is_of(position.epoch) || !env.mechanisms.has(Mechanism::RestartKeepsHistory) {
            self.history.last = Default::default();
        }
        (self.history.epoch, self.history.floor) = (Some(position.epoch), position.id);
    }

    /// A write is in the log.
    pub(super) fn record(&mut self, position: Position, targets: Targets) {
        if self.is_of(position.epoch) {
            for target in targets.indices() {
                self.history.last[target] = self.history.last[target].max(position.id);
            }
        }
    }

    /// A record was heard: it is in the history, and an intent holds.
    pub(super) fn remember(&mut self, position: Position, publication: Publication, env: &Env) {
        let Publication { token, targets, kind } = publication;
        self.record(position, targets);
        self.holds.retain(|hold| hold.token != token);
        if kind == Kind::Intent && env.mechanisms.has(Mechanism::IntentsHold) {
            self.holds.push(Hold { token, targets, until: env.now + HOLD });
        }
    }

    /// Whether an intent holds something at any time after `began`.
    pub(super) fn is_held(&self, depends_on: Targets, began: Time) -> bool {
        self.holds.iter().any(|hold| hold.targets.meets(depends_on) && began < hold.until)
    }

    /// Whether a value of the second level shows all that was heard.
    pub(super) fn accepts(&self, stored: &Stored, env: &Env) -> bool {
        let has = |mechanism| env.mechanisms.has(mechanism);
        (self.is_of(stored.born.epoch) || !has(Mechanism::EpochOfEntries))
            && (self.history.floor <= stored.born.id || !has(Mechanism::HistoryFloor))
            && (!has(Mechanism::BornOfEntries)
                || stored.depends_on.indices().all(|target| self.history.last[target] <= stored.born.id))
            && !self.is_held(stored.depends_on, env.now)
    }
}
