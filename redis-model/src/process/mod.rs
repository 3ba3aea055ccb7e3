//! A process: its cache, and what works on that at the same time.
//!
//! - `following.rs`: reads the log, and applies it to the cache
//! - `reading.rs`: calls and loads
//! - `writing.rs`: writes
//! - `cache.rs`: the connection, the memory (`memory.rs`), what was heard of the log (`heard.rs`), and own
//!   publications (`outbox.rs`)

mod cache;
mod following;
mod heard;
mod memory;
mod outbox;
mod reading;
mod writing;

use crate::env::Env;
use crate::network::Reply;
use crate::process::cache::Cache;
use crate::process::following::Follower;
use crate::process::reading::Loads;
use crate::process::writing::Writes;
use crate::protocol::{Query, Run, Time};

/// What a process does by itself. A number says which of several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    Follow,
    Load(usize),
    Write(usize),
    SendQueued,
}

#[derive(Default, Debug)]
pub(crate) struct Process {
    paused_until: Time,
    cache: Cache,
    follower: Follower,
    loads: Loads,
    writes: Writes,
}

impl Process {
    pub(crate) fn new(process: usize, id: u32) -> Self {
        Self { cache: Cache { process, id, ..Cache::default() }, ..Self::default() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.cache.id
    }

    pub(crate) fn pause(&mut self, until: Time) {
        self.paused_until = until;
    }

    pub(crate) fn is_paused(&self, now: Time) -> bool {
        now < self.paused_until
    }

    pub(crate) fn call(&mut self, query: Query, env: &mut Env) {
        self.loads.call(query, &self.cache, env);
    }

    pub(crate) fn write(&mut self, row: usize, is_announced: bool, env: &mut Env) {
        self.writes.begin(row, is_announced, &self.cache, env);
    }

    /// One step. `primary` is the server that a new connection leads to.
    pub(crate) fn work(&mut self, work: Work, primary: Run, env: &mut Env) {
        match work {
            Work::Follow => self.follower.step(primary, &mut self.cache, env),
            Work::Load(pick) => self.loads.step(pick, &mut self.cache, env),
            Work::Write(pick) => self.writes.step(pick, &mut self.cache, env),
            Work::SendQueued => self.cache.send_queued(env),
        }
    }

    /// Whether there is such work.
    pub(crate) fn has(&self, work: Work) -> bool {
        match work {
            Work::Follow => self.follower.waited.is_none() || !self.follower.effects.is_empty(),
            Work::Load(_) => !self.loads.flights.is_empty(),
            Work::Write(_) => !self.writes.in_progress.is_empty(),
            Work::SendQueued => self.cache.outbox.first_unsent().is_some(),
        }
    }

    /// Whether it knows of everything before a time, and has nothing to do.
    pub(crate) fn is_idle(&self, since: Time) -> bool {
        self.cache.heard.lease.is_some_and(|lease| lease.heard_until >= since)
            && self.follower.effects.is_empty()
            && self.loads.flights.is_empty()
            && self.writes.in_progress.is_empty()
            && self.cache.outbox.is_empty()
    }

    /// Time goes on, also for what waits.
    pub(crate) fn tick(&mut self, env: &mut Env) {
        if self.is_paused(env.now) {
            return;
        }
        if self.follower.has_waited_too_long(env) {
            self.disconnect();
        }
        self.loads.tick(env);
        self.writes.tick(env);
    }

    pub(crate) fn receive(&mut self, reply: Reply, env: &mut Env) {
        let cache = &mut self.cache;
        match reply {
            Reply::Polled(polled) => self.follower.polled(&polled, cache, env),
            Reply::ReadBack(polled) => self.follower.read_back(&polled, cache, env),
            Reply::Begun => self.follower.waited = None,
            Reply::Published { publication, position } => {
                self.writes.was_published(publication, position.is_some());
                cache.was_published(publication, position, env);
            }
            Reply::Got { flight, stored } => self.loads.got(flight, stored, cache, env),
            Reply::Stored { flight } => self.loads.stored(flight),
        }
    }

    pub(crate) fn is_connected_by(&self, connection: u32) -> bool {
        self.cache.live_connection().is_some_and(|mine| mine.id == connection)
    }

    /// Only for servers that are gone: a connection that is half open does not notice.
    pub(crate) fn disconnect_from(&mut self, server: Run) {
        if self.cache.live_connection().is_some_and(|mine| mine.server == server) {
            self.disconnect();
        }
    }

    pub(crate) fn disconnect(&mut self) {
        self.cache.disconnect();
        self.follower.waited = None;
        self.writes.lose_answers();
    }

    pub(crate) fn half_open(&mut self) {
        self.cache.half_open();
    }
}
