//! Writes and publications.

use crate::mechanism::Mechanism;
use crate::network::Request;
use crate::process::Process;
use crate::words::{Kind, Position, Publication, TIMEOUT, Targets, Time, Token};
use crate::world::Env;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// With `Fail`: the intent is published first.
    Announce,
    Announcing {
        waited: Time,
    },
    Commit,
    /// The local invalidation, in two steps.
    Mark,
    Forget,
    Publish,
    Publishing {
        waited: Time,
    },
    Return,
}

/// A write, from the call of the mutation to its return.
#[derive(Debug)]
pub(super) struct WriteInProgress {
    token: Token,
    row: usize,
    /// `None`: the write has failed, and nothing was written.
    stage: Option<Stage>,
}

impl WriteInProgress {
    /// The connection is gone.
    pub(super) fn lose_answer(&mut self) {
        match self.stage {
            Some(Stage::Announcing { .. }) => self.stage = None,
            Some(Stage::Publishing { .. }) => self.stage = Some(Stage::Return),
            _ => {}
        }
    }
}

/// A publication that is not acknowledged.
#[derive(Debug)]
pub(super) struct Outgoing {
    publication: Publication,
    pub(super) is_sent: bool,
}

impl Process {
    pub(crate) fn write(&mut self, row: usize, is_announced: bool, env: &mut Env) {
        let token = env.oracle.begin_write(row, self.id);
        let stage = if is_announced { Stage::Announce } else { Stage::Commit };
        self.writes.push(WriteInProgress { token, row, stage: Some(stage) });
    }

    /// One step of a write.
    pub(crate) fn continue_write(&mut self, pick: usize, env: &mut Env) {
        if self.writes.is_empty() {
            return;
        }
        let index = pick % self.writes.len();
        let WriteInProgress { token, row, stage } = self.writes[index];
        let targets = Targets::of_row(row);
        let [first, second] = if env.mechanisms.has(Mechanism::MarkBeforeForgetting) {
            [Stage::Mark, Stage::Forget]
        } else {
            [Stage::Forget, Stage::Mark]
        };
        let next = match stage {
            Some(Stage::Announcing { .. } | Stage::Publishing { .. }) => return,
            Some(Stage::Announce) => {
                let intent = Publication { token, targets, kind: Kind::Intent };
                self.publish(intent, env).then_some(Stage::Announcing { waited: 0 })
            }
            Some(Stage::Commit) => {
                env.rows[row] += 1;
                env.oracle.committed(token, env.rows[row], env.now);
                env.trace.note(|| format!("commits write {token}: row {row} is {}", env.rows[row]));
                Some(first)
            }
            Some(stage @ (Stage::Mark | Stage::Forget)) => {
                if stage == Stage::Forget {
                    self.raise(targets);
                } else if env.mechanisms.has(Mechanism::PendingMark) {
                    self.pending.push((token, targets));
                }
                Some(if stage == first { second } else { Stage::Publish })
            }
            Some(Stage::Publish) => {
                let publication = Publication { token, targets, kind: Kind::Write };
                let is_sent = self.publish(publication, env);
                self.outbox.push(Outgoing { publication, is_sent });
                Some(if is_sent { Stage::Publishing { waited: 0 } } else { Stage::Return })
            }
            Some(Stage::Return) => {
                env.oracle.returned(token, env.now);
                env.trace.note(|| format!("write {token} returns"));
                self.writes.swap_remove(index);
                return;
            }
            None => {
                self.writes.swap_remove(index);
                return;
            }
        };
        self.writes[index].stage = next;
    }

    pub(super) fn tick_writes(&mut self, env: &Env) {
        for write in &mut self.writes {
            if let Some(Stage::Announcing { waited } | Stage::Publishing { waited }) = &mut write.stage {
                *waited += 1;
                if *waited > TIMEOUT && env.mechanisms.has(Mechanism::Timeouts) {
                    write.lose_answer();
                }
            }
        }
    }

    fn publish(&self, publication: Publication, env: &mut Env) -> bool {
        let epoch = if env.mechanisms.has(Mechanism::PublishAfterRestart) {
            self.applied.map(|applied| applied.epoch)
        } else {
            self.reader.map(|reader| reader.epoch)
        };
        epoch.is_some_and(|epoch| self.send(Request::Publish { publication, epoch }, env))
    }

    /// One of what is queued is sent.
    pub(crate) fn send_queued(&mut self, env: &mut Env) {
        let Some(index) = self.outbox.iter().position(|outgoing| !outgoing.is_sent) else { return };
        let is_sent = self.publish(self.outbox[index].publication, env);
        self.outbox[index].is_sent = is_sent;
    }

    /// Redis has written a publication, or refused it.
    pub(super) fn was_published(&mut self, publication: Publication, position: Option<Position>, env: &mut Env) {
        let Publication { token, targets, kind } = publication;
        let write = self.writes.iter_mut().find(|write| write.token == token);
        if kind == Kind::Intent {
            if let Some(write) = write.filter(|write| matches!(write.stage, Some(Stage::Announcing { .. }))) {
                write.stage = position.map(|_| Stage::Commit);
            }
            return;
        }
        if let Some(write) = write.filter(|write| matches!(write.stage, Some(Stage::Publishing { .. }))) {
            write.stage = Some(Stage::Return);
        }
        let Some(position) = position else {
            for outgoing in self.outbox.iter_mut().filter(|outgoing| outgoing.publication == publication) {
                outgoing.is_sent = false;
            }
            return;
        };
        self.history.record(position, targets);
        self.pending.retain(|(pending, _)| *pending != token);
        self.outbox.retain(|outgoing| outgoing.publication != publication);
        if !self.published.contains(&publication) {
            self.published.push(publication);
        }
        env.oracle.acknowledged(token, position, env.now);
    }

    /// In a new epoch.
    pub(super) fn publish_again(&mut self) {
        let published = std::mem::take(&mut self.published);
        self.outbox.extend(published.into_iter().map(|publication| Outgoing { publication, is_sent: false }));
    }
}
