//! Writes, from the call of a mutation to its return.

use crate::env::Env;
use crate::mechanism::Mechanism;
use crate::process::cache::Cache;
use crate::protocol::{Kind, Publication, TIMEOUT, Targets, Time, Token};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// With `Fail`: the intent is published first.
    Announce,
    /// For so long.
    Announcing(Time),
    Commit,
    /// The local invalidation, in two steps.
    Mark,
    Forget,
    Publish,
    /// For so long.
    Publishing(Time),
    Return,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Write {
    token: Token,
    row: usize,
    /// `None`: the write has failed, and nothing was written.
    stage: Option<Stage>,
}

impl Write {
    fn lose_answer(&mut self) {
        match self.stage {
            Some(Stage::Announcing(_)) => self.stage = None,
            Some(Stage::Publishing(_)) => self.stage = Some(Stage::Return),
            _ => {}
        }
    }
}

#[derive(Default, Debug)]
pub(super) struct Writes {
    pub(super) in_progress: Vec<Write>,
}

impl Writes {
    pub(super) fn begin(&mut self, row: usize, is_announced: bool, cache: &Cache, env: &mut Env) {
        let token = env.oracle.begin_write(row, cache.id);
        let stage = if is_announced { Stage::Announce } else { Stage::Commit };
        self.in_progress.push(Write { token, row, stage: Some(stage) });
    }

    /// One step of a write.
    pub(super) fn step(&mut self, pick: usize, cache: &mut Cache, env: &mut Env) {
        if self.in_progress.is_empty() {
            return;
        }
        let index = pick % self.in_progress.len();
        let Write { token, row, stage } = self.in_progress[index];
        let targets = Targets::of_row(row);
        let [first, second] = if env.mechanisms.has(Mechanism::MarkBeforeForgetting) {
            [Stage::Mark, Stage::Forget]
        } else {
            [Stage::Forget, Stage::Mark]
        };
        let next = match stage {
            Some(Stage::Announcing(_) | Stage::Publishing(_)) => return,
            Some(Stage::Announce) => {
                let intent = Publication { token, targets, kind: Kind::Intent };
                cache.publish(intent, env).then_some(Stage::Announcing(0))
            }
            Some(Stage::Commit) => {
                env.rows[row] += 1;
                env.oracle.committed(token, env.rows[row], env.now);
                env.trace.note(|| format!("commits write {token}: row {row} is {}", env.rows[row]));
                Some(first)
            }
            Some(stage @ (Stage::Mark | Stage::Forget)) => {
                if stage == Stage::Forget {
                    cache.memory.raise(targets);
                } else if env.mechanisms.has(Mechanism::PendingMark) {
                    cache.outbox.mark_pending(token, targets);
                }
                Some(if stage == first { second } else { Stage::Publish })
            }
            Some(Stage::Publish) => {
                let publication = Publication { token, targets, kind: Kind::Write };
                let is_sent = cache.publish(publication, env);
                cache.outbox.push(publication, is_sent);
                Some(if is_sent { Stage::Publishing(0) } else { Stage::Return })
            }
            Some(Stage::Return) | None => {
                if stage.is_some() {
                    env.oracle.returned(token, env.now);
                    env.trace.note(|| format!("write {token} returns"));
                }
                self.in_progress.swap_remove(index);
                return;
            }
        };
        self.in_progress[index].stage = next;
    }

    pub(super) fn tick(&mut self, env: &Env) {
        for write in &mut self.in_progress {
            if let Some(Stage::Announcing(waited) | Stage::Publishing(waited)) = &mut write.stage {
                *waited += 1;
                if *waited > TIMEOUT && env.mechanisms.has(Mechanism::Timeouts) {
                    write.lose_answer();
                }
            }
        }
    }

    /// The connection is gone.
    pub(super) fn lose_answers(&mut self) {
        self.in_progress.iter_mut().for_each(Write::lose_answer);
    }

    /// Redis has written a publication, or refused it.
    pub(super) fn was_published(&mut self, publication: Publication, is_written: bool) {
        let Some(write) = self.in_progress.iter_mut().find(|write| write.token == publication.token) else { return };
        write.stage = match (publication.kind, write.stage) {
            (Kind::Intent, Some(Stage::Announcing(_))) => is_written.then_some(Stage::Commit),
            (Kind::Write, Some(Stage::Publishing(_))) => Some(Stage::Return),
            (_, other) => other,
        };
    }
}
