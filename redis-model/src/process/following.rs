//! The log: from a connection to what the memory forgets.

use std::cmp::Ordering;

use crate::mechanism::{Mechanism, Mechanisms};
use crate::network::{Polled, Request};
use crate::oracle::Doubt;
use crate::process::{Connection, Hold, Lease, Process};
use crate::redis::{POLL_LIMIT, Record};
use crate::words::{Epoch, HOLD, Id, Kind, POLL_TIMEOUT, Position, Run};
use crate::world::Env;

/// What was read of the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    pub(super) epoch: Epoch,
    id: Id,
    nonce: u32,
}

/// What is wrong with the log.
enum Trouble {
    /// Records are missing.
    Gap,
    /// Ids were given twice, or will be: positions of this epoch mean nothing any more.
    Twice,
}

/// What reading has as its effect, in steps: other threads of the process run between them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Effect {
    /// A restart begins: from now on the second level is judged by the new history. The lease may still be live.
    RestartHistory(Position),
    /// Second step: everything in memory is forgotten, and loads in flight are fenced.
    RestartMemory,
    /// A record is in the history, and its intent holds.
    Remember(Position, Record),
    /// The memory forgets what a record names.
    Forget(Record),
    /// Loads that begin now have heard everything up to here. Also the last step of a restart.
    Apply(Position),
    /// What was published is to be published again.
    PublishAgain,
    Prove(Lease),
}

impl Reader {
    /// Where it is after these records, and whether that is the end.
    fn read(mut self, polled: &Polled, mechanisms: Mechanisms) -> Result<(Self, bool), Trouble> {
        let checks_gaps = mechanisms.has(Mechanism::GapCheck);
        let checks_nonces = mechanisms.has(Mechanism::PredecessorNonce);
        for record in &polled.records {
            if record.id != self.id + 1 {
                if checks_gaps {
                    return Err(Trouble::Gap);
                }
            } else if record.predecessor != self.nonce && checks_nonces {
                return Err(Trouble::Twice);
            }
            (self.id, self.nonce) = (record.id, record.nonce);
        }
        let is_out_of_records = polled.records.len() < POLL_LIMIT;
        let Some(head) = polled.head else { return Ok((self, is_out_of_records)) };
        match head.id.cmp(&self.id) {
            Ordering::Less if mechanisms.has(Mechanism::StepBackCheck) => Err(Trouble::Twice),
            Ordering::Equal if head.nonce != self.nonce && checks_nonces => Err(Trouble::Twice),
            Ordering::Greater if is_out_of_records && checks_gaps => Err(Trouble::Gap),
            Ordering::Greater => Ok((self, is_out_of_records)),
            Ordering::Less | Ordering::Equal => Ok((self, true)),
        }
    }
}

impl Process {
    /// One step of following: apply what was read, else connect, else ask.
    pub(crate) fn follow(&mut self, primary: Run, env: &mut Env) {
        if let Some(effect) = self.effects.pop_front() {
            self.apply(effect, env);
            return;
        }
        let Some(connection) = &mut self.connection else {
            let id = env.next_number();
            self.connection = Some(Connection { id, server: primary, is_half_open: false, has_polled: false });
            return;
        };
        if self.polling.is_some() {
            return;
        }
        let with_head =
            env.mechanisms.has(Mechanism::HeadInEachPoll) || !connection.has_polled || self.reader.is_none();
        connection.has_polled = true;
        self.polling = Some(0);
        self.send(Request::Poll { after: self.reader.map_or(0, |reader| reader.id), with_head, sent: env.now }, env);
    }

    pub(super) fn tick_poll(&mut self, env: &Env) {
        if let Some(waited) = &mut self.polling {
            *waited += 1;
            if *waited > POLL_TIMEOUT && env.mechanisms.has(Mechanism::Timeouts) {
                self.disconnect();
            }
        }
    }

    /// What a poll has answered: the next records, or that there is something wrong.
    pub(super) fn polled(&mut self, polled: &Polled, env: &mut Env) {
        self.polling = None;
        if polled.has_head {
            let epoch = polled.head.map(|head| head.epoch);
            if Self::must_begin(polled, env) {
                return self.begin_epoch(epoch, env);
            }
            if self.reader.map(|reader| reader.epoch) != epoch {
                return self.ask_to_read_back(env);
            }
        }
        let Some(reader) = self.reader else { return };
        let (reader, is_complete) = match reader.read(polled, env.mechanisms) {
            Ok(read) => read,
            Err(Trouble::Gap) => return self.ask_to_read_back(env),
            Err(Trouble::Twice) => return self.begin_epoch(Some(reader.epoch), env),
        };
        self.reader = Some(reader);
        for record in &polled.records {
            self.hear(*record, reader.epoch, env);
        }
        if is_complete {
            self.prove(polled);
        }
    }

    /// Whether the log is not to be relied upon, although it has a head.
    fn must_begin(polled: &Polled, env: &Env) -> bool {
        let Some(head) = polled.head else { return true };
        (env.mechanisms.has(Mechanism::RunId) && head.run != polled.run)
            || (env.mechanisms.has(Mechanism::RefuseToCreate) && polled.last_in_stream != Some(head.id))
    }

    fn begin_epoch(&mut self, seen: Option<Epoch>, env: &mut Env) {
        self.polling = Some(0);
        let epoch = env.next_number();
        self.send(Request::Begin { seen, epoch }, env);
    }

    fn ask_to_read_back(&mut self, env: &mut Env) {
        self.polling = Some(0);
        self.send(Request::ReadBack { sent: env.now }, env);
    }

    /// Restarts at the oldest record from which on the log is complete.
    pub(super) fn read_back(&mut self, polled: &Polled, env: &mut Env) {
        self.polling = None;
        if Self::must_begin(polled, env) {
            return;
        }
        let Some(head) = polled.head else { return };
        let (mut id, mut nonce) = (head.id, head.nonce);
        let mut first = polled.records.len();
        while first > 0 && polled.records[first - 1].id == id && polled.records[first - 1].nonce == nonce {
            first -= 1;
            (id, nonce) = (id - 1, polled.records[first].predecessor);
        }
        let is_new = self.history.epoch != Some(head.epoch);
        let position = Position { epoch: head.epoch, id };
        let (history, memory, apply) =
            (Effect::RestartHistory(position), Effect::RestartMemory, Effect::Apply(position));
        self.effects.extend(if env.mechanisms.has(Mechanism::AppliedAfterRaise) {
            [history, memory, apply]
        } else {
            [history, apply, memory]
        });
        for record in &polled.records[first..] {
            self.hear(*record, head.epoch, env);
        }
        if is_new && env.mechanisms.has(Mechanism::PublishAgain) {
            self.effects.push_back(Effect::PublishAgain);
        }
        self.reader = Some(Reader { epoch: head.epoch, id: head.id, nonce: head.nonce });
        self.prove(polled);
    }

    fn hear(&mut self, record: Record, epoch: Epoch, env: &Env) {
        let position = Position { epoch, id: record.id };
        let (remember, forget, apply) =
            (Effect::Remember(position, record), Effect::Forget(record), Effect::Apply(position));
        self.effects.extend(if !env.mechanisms.has(Mechanism::HistoryBeforeRaise) {
            [forget, remember, apply]
        } else if !env.mechanisms.has(Mechanism::AppliedAfterRaise) {
            [remember, apply, forget]
        } else {
            [remember, forget, apply]
        });
    }

    fn prove(&mut self, polled: &Polled) {
        let doubt = Doubt { split_brain: !polled.is_of_primary, went_back: false };
        self.effects.push_back(Effect::Prove(Lease { heard_until: polled.sent, doubt }));
    }

    fn apply(&mut self, effect: Effect, env: &Env) {
        match effect {
            Effect::RestartHistory(position) => {
                if self.history.epoch != Some(position.epoch) || !env.mechanisms.has(Mechanism::RestartKeepsHistory) {
                    self.history.last = Default::default();
                }
                (self.history.epoch, self.history.floor) = (Some(position.epoch), position.id);
            }
            Effect::RestartMemory if env.mechanisms.has(Mechanism::RestartFencesLoads) => {
                self.version += 1;
                self.floor = self.version;
            }
            Effect::RestartMemory => self.memory = Default::default(),
            Effect::Remember(position, record) => {
                self.history.record(position, record.publication.targets);
                self.holds.retain(|hold| hold.token != record.publication.token);
                if record.publication.kind == Kind::Intent && env.mechanisms.has(Mechanism::IntentsHold) {
                    let (token, targets) = (record.publication.token, record.publication.targets);
                    self.holds.push(Hold { token, targets, until: env.now + HOLD });
                }
            }
            Effect::Forget(record) => self.raise(record.publication.targets),
            Effect::Apply(position) => self.applied = Some(position),
            Effect::PublishAgain => self.publish_again(),
            Effect::Prove(lease) => self.lease = Some(lease),
        }
    }
}
