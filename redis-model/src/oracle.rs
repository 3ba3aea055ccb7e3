//! What answers may be. The oracle knows every write, when it was acknowledged, and what the servers have lost.
//!
//! An answer is *older* than a write if it was read from the row before. A call that starts at `s` must get no answer that
//! is older than
//!
//! - a write whose publication was acknowledged before `s - max_lag` (P20; P21 if the second level had the answer);
//! - a write of the same process that has returned before `s`;
//! - a write that was announced, and committed before `s - max_lag` and before its intent, counted from when Redis wrote
//!   it, ended. Its writer may have died since.
//!
//! At the end of a walk all is healed, and each answer must show each write whose writer lives, or that counted before.
//!
//! Not promised, and counted as [`Excused`]:
//!
//! - A writer dies between the commit and the acknowledgement of its publication: the write never counts.
//! - Split brain: a write that only a server acknowledged that was the primary no more counts from when the primary has
//!   acknowledged it, also in its own process; an answer for which such a server has proved the lease does not count.
//! - Going back: a server that goes on with an older state of its data in the same run (`RESTORE`, a proxy that hides a
//!   failover). A write that was written since that state does not count until it is written again. Answers of the second
//!   level, of that epoch, do not count.
//!
//! An intent that the log loses while it holds, or by going back, is none: its write counts as one that was not announced.

use crate::protocol::{Doubt, Epoch, HOLD, Kind, MAX_LAG, Position, Publication, Time, Token, Value};

/// How many answers were older than a write, by what is not promised.
#[derive(Clone, Copy, Default, Debug)]
pub struct Excused {
    /// The writer died before its publication was acknowledged.
    pub died: u32,
    /// Two servers were the primary.
    pub split_brain: u32,
    /// A server went back in the same run.
    pub went_back: u32,
}

#[derive(Debug)]
struct Intent {
    until: Time,
    is_lost: bool,
}

#[derive(Default, Debug)]
struct Write {
    row: usize,
    writer: u32,
    writer_died: bool,
    intent: Option<Intent>,
    /// When, and as which write of its row.
    committed: Option<(Time, u32)>,
    returned: Option<Time>,
    /// Where the log of the primary has, or had, it.
    written: Vec<Position>,
    acknowledged: Option<Time>,
    acknowledged_by_demoted: Option<Time>,
    was_undone: bool,
}

/// An answer to a caller.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) process: u32,
    pub(crate) started: Time,
    pub(crate) value: Value,
    pub(crate) is_of_second_level: bool,
    pub(crate) doubt: Doubt,
}

#[derive(Default, Debug)]
pub(crate) struct Oracle {
    writes: Vec<Write>,
    epochs_that_went_back: Vec<Epoch>,
    /// All is healed: nothing is late any more.
    pub(crate) is_settled: bool,
    pub(crate) excused: Excused,
    pub(crate) violation: Option<String>,
}

impl Oracle {
    pub(crate) fn begin_write(&mut self, row: usize, writer: u32) -> Token {
        self.writes.push(Write { row, writer, ..Write::default() });
        self.writes.len() - 1
    }

    pub(crate) fn committed(&mut self, token: Token, version: u32, now: Time) {
        self.writes[token].committed = Some((now, version));
    }

    pub(crate) fn returned(&mut self, token: Token, now: Time) {
        self.writes[token].returned = Some(now);
    }

    pub(crate) fn died(&mut self, process: u32) {
        for write in self.writes.iter_mut().filter(|write| write.writer == process) {
            write.writer_died = true;
        }
    }

    /// A server has written a publication.
    pub(crate) fn written(&mut self, publication: Publication, position: Position, by_primary: bool, now: Time) {
        let write = &mut self.writes[publication.token];
        match publication.kind {
            _ if !by_primary => {}
            Kind::Intent => write.intent = Some(Intent { until: now + HOLD, is_lost: false }),
            Kind::Write => write.written.push(position),
        }
    }

    /// The writer has heard that its write is published.
    pub(crate) fn acknowledged(&mut self, token: Token, position: Position, now: Time) {
        let write = &mut self.writes[token];
        if write.written.contains(&position) {
            write.acknowledged.get_or_insert(now);
        } else if !write.was_undone {
            write.acknowledged_by_demoted.get_or_insert(now);
        }
    }

    /// The primary has lost a record, in the same run.
    pub(crate) fn went_back(&mut self, lost: Publication, position: Position) {
        self.epochs_that_went_back.push(position.epoch);
        let write = &mut self.writes[lost.token];
        match lost.kind {
            Kind::Intent => {
                if let Some(intent) = &mut write.intent {
                    intent.is_lost = true;
                }
            }
            Kind::Write => {
                write.written.retain(|written| *written != position);
                if write.written.is_empty() {
                    (write.acknowledged, write.was_undone) = (None, true);
                }
            }
        }
    }

    pub(crate) fn has_gone_back(&self, epoch: Epoch) -> bool {
        self.epochs_that_went_back.contains(&epoch)
    }

    /// The log of the primary may have lost records. An intent that it no longer has is lost.
    pub(crate) fn log_changed(&mut self, has_intent: impl Fn(Token) -> bool, now: Time) {
        for (token, write) in self.writes.iter_mut().enumerate() {
            if let Some(intent) = write.intent.as_mut().filter(|intent| intent.until > now) {
                intent.is_lost |= !has_intent(token);
            }
        }
    }

    pub(crate) fn check(&mut self, answer: &Answer, now: Time) {
        for token in 0..self.writes.len() {
            let Some(why) = self.is_too_old(token, answer) else { continue };
            if answer.doubt.split_brain {
                self.excused.split_brain += 1;
            } else if answer.doubt.went_back {
                self.excused.went_back += 1;
            } else {
                let promise = if answer.is_of_second_level { "P21" } else { "P20" };
                self.violation = Some(format!(
                    "{promise}: the answer at {now} to a call of process {} that started at {} has {:?}, which is older \
                     than write {token}, {why}: {:?}",
                    answer.process, answer.started, answer.value, self.writes[token],
                ));
            }
        }
    }

    /// Why an answer may not be older than a write, if it is.
    fn is_too_old(&mut self, token: Token, answer: &Answer) -> Option<&'static str> {
        let write = &self.writes[token];
        let (committed, version) = write.committed?;
        if answer.value[write.row].is_none_or(|seen| seen >= version) {
            return None;
        }
        let is_late = |since: Time| since + MAX_LAG < answer.started;
        if write.acknowledged.is_some_and(is_late) {
            return Some("which was acknowledged");
        }
        let only_demoted_acknowledged = write.acknowledged.is_none() && write.acknowledged_by_demoted.is_some();
        if write.writer == answer.process && write.returned.is_some_and(|returned| returned < answer.started) {
            if only_demoted_acknowledged {
                self.excused.split_brain += 1;
                return None;
            }
            return Some("which has returned in this process");
        }
        if write.intent.as_ref().is_some_and(|intent| !intent.is_lost && committed < intent.until) && is_late(committed)
        {
            return Some("which was announced");
        }
        if write.was_undone && write.acknowledged.is_none() {
            self.excused.went_back += 1;
        } else if write.acknowledged_by_demoted.is_some_and(is_late) && (write.writer_died || !self.is_settled) {
            self.excused.split_brain += 1;
        } else if write.writer_died {
            self.excused.died += 1;
        } else if self.is_settled {
            return Some("and all is settled");
        }
        None
    }
}
