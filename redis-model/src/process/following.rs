//! Follows the log: from a connection to what the memory forgets.

use std::collections::VecDeque;

use crate::env::Env;
use crate::mechanism::Mechanism;
use crate::network::{Polled, Request};
use crate::process::cache::Cache;
use crate::process::heard::{Lease, Trouble, complete_since, must_begin, read_on};
use crate::protocol::{Doubt, Epoch, POLL_TIMEOUT, Position, Record, Run, Time};

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

#[derive(Default, Debug)]
pub(super) struct Follower {
    /// Whether the connection has been polled on.
    has_polled: bool,
    /// How long the request in flight has been waited for.
    pub(super) waited: Option<Time>,
    pub(super) effects: VecDeque<Effect>,
}

impl Follower {
    /// Applies what was read, else connects, else polls.
    pub(super) fn step(&mut self, primary: Run, cache: &mut Cache, env: &mut Env) {
        if let Some(effect) = self.effects.pop_front() {
            apply(effect, cache, env);
        } else if cache.connection.is_none() {
            cache.connect(primary, env);
            self.has_polled = false;
        } else if self.waited.is_none() {
            let read = cache.heard.read;
            let with_head = env.mechanisms.has(Mechanism::HeadInEachPoll) || !self.has_polled || read.is_none();
            self.has_polled = true;
            let after = read.map_or(0, |read| read.id);
            self.ask(Request::Poll { after, with_head, sent: env.now }, cache, env);
        }
    }

    fn ask(&mut self, request: Request, cache: &Cache, env: &mut Env) {
        self.waited = Some(0);
        cache.send(request, env);
    }

    /// A moment later, whether the connection counts as dead.
    pub(super) fn has_waited_too_long(&mut self, env: &Env) -> bool {
        self.waited.as_mut().is_some_and(|waited| {
            *waited += 1;
            *waited > POLL_TIMEOUT && env.mechanisms.has(Mechanism::Timeouts)
        })
    }

    /// What a poll has answered: the next records, or that there is something wrong.
    pub(super) fn polled(&mut self, polled: &Polled, cache: &mut Cache, env: &mut Env) {
        self.waited = None;
        if polled.has_head {
            let epoch = polled.head.map(|head| head.epoch);
            if must_begin(polled, env.mechanisms) {
                return self.begin_epoch(epoch, cache, env);
            }
            if cache.heard.read.map(|read| read.epoch) != epoch {
                return self.ask(Request::ReadBack { sent: env.now }, cache, env);
            }
        }
        let Some(read) = cache.heard.read else { return };
        let (read, is_complete) = match read_on(read, polled, env.mechanisms) {
            Ok(found) => found,
            Err(Trouble::Gap) => return self.ask(Request::ReadBack { sent: env.now }, cache, env),
            Err(Trouble::Twice) => return self.begin_epoch(Some(read.epoch), cache, env),
        };
        cache.heard.read = Some(read);
        self.hear(&polled.records, read.epoch, env);
        if is_complete {
            self.prove(polled);
        }
    }

    fn begin_epoch(&mut self, seen: Option<Epoch>, cache: &Cache, env: &mut Env) {
        let epoch = env.next_number();
        self.ask(Request::Begin { seen, epoch }, cache, env);
    }

    /// Restarts at the oldest record from which on the log is complete.
    pub(super) fn read_back(&mut self, polled: &Polled, cache: &mut Cache, env: &Env) {
        self.waited = None;
        let Some(head) = polled.head.filter(|_| !must_begin(polled, env.mechanisms)) else { return };
        let (position, first) = complete_since(head, polled);
        let (history, memory, apply) =
            (Effect::RestartHistory(position), Effect::RestartMemory, Effect::Apply(position));
        self.effects.extend(if env.mechanisms.has(Mechanism::AppliedAfterRaise) {
            [history, memory, apply]
        } else {
            [history, apply, memory]
        });
        self.hear(&polled.records[first..], head.epoch, env);
        if !cache.heard.is_of(head.epoch) && env.mechanisms.has(Mechanism::PublishAgain) {
            self.effects.push_back(Effect::PublishAgain);
        }
        cache.heard.read = Some(head);
        self.prove(polled);
    }

    fn hear(&mut self, records: &[Record], epoch: Epoch, env: &Env) {
        for record in records {
            let position = Position { epoch, id: record.id };
            let (remember, forget, apply) =
                (Effect::Remember(position, *record), Effect::Forget(*record), Effect::Apply(position));
            self.effects.extend(if !env.mechanisms.has(Mechanism::HistoryBeforeRaise) {
                [forget, remember, apply]
            } else if !env.mechanisms.has(Mechanism::AppliedAfterRaise) {
                [remember, apply, forget]
            } else {
                [remember, forget, apply]
            });
        }
    }

    fn prove(&mut self, polled: &Polled) {
        let doubt = Doubt { split_brain: !polled.is_of_primary, went_back: false };
        self.effects.push_back(Effect::Prove(Lease { heard_until: polled.sent, doubt }));
    }
}

fn apply(effect: Effect, cache: &mut Cache, env: &Env) {
    let Cache { memory, heard, outbox, .. } = cache;
    match effect {
        Effect::RestartHistory(position) => heard.restart(position, env),
        Effect::RestartMemory if env.mechanisms.has(Mechanism::RestartFencesLoads) => memory.raise_all(),
        Effect::RestartMemory => memory.entries = Default::default(),
        Effect::Remember(position, record) => heard.remember(position, record.publication, env),
        Effect::Forget(record) => memory.raise(record.publication.targets),
        Effect::Apply(position) => heard.applied = Some(position),
        Effect::PublishAgain => outbox.publish_again(),
        Effect::Prove(lease) => heard.lease = Some(lease),
    }
}
