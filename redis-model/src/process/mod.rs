//! A process: its memory, what it has heard of the log, and what it does at the same time.
//!
//! - `following.rs`: the log, from a connection to what the memory forgets
//! - `reading.rs`: calls and loads
//! - `writing.rs`: writes and publications

mod following;
mod reading;
mod writing;

use std::collections::VecDeque;

use crate::mechanism::Mechanism;
use crate::network::{Body, Message, Reply, Request};
use crate::oracle::Doubt;
use crate::process::following::{Effect, Reader};
use crate::process::reading::{Entry, Flight};
use crate::process::writing::{Outgoing, WriteInProgress};
use crate::step::Work;
use crate::words::{Epoch, Id, MAX_LAG, Position, Publication, Query, Run, Targets, Time, Token};
use crate::world::Env;

#[derive(Debug)]
struct Connection {
    id: u32,
    server: Run,
    /// Nothing arrives, and nobody is told.
    is_half_open: bool,
    has_polled: bool,
}

/// A proof that everything before a time has been heard.
#[derive(Clone, Copy, Debug)]
struct Lease {
    heard_until: Time,
    doubt: Doubt,
}

/// What was invalidated, by the log: the last record of each target, if it is younger than the floor.
#[derive(Default, Debug)]
struct History {
    epoch: Option<Epoch>,
    floor: Id,
    last: [Id; Query::COUNT],
}

impl History {
    fn record(&mut self, position: Position, targets: Targets) {
        if self.epoch == Some(position.epoch) {
            for target in targets.indices() {
                self.last[target] = self.last[target].max(position.id);
            }
        }
    }
}

/// An intent that was heard, and whose outcome was not.
#[derive(Debug)]
struct Hold {
    token: Token,
    targets: Targets,
    until: Time,
}

#[derive(Debug)]
pub(crate) struct Process {
    index: usize,
    /// Unique in the walk: a process that starts anew is another.
    pub(crate) id: u32,
    paused_until: Time,
    connection: Option<Connection>,

    /// The version clock, what it was when each target was raised, and when everything was.
    version: u32,
    raised: [u32; Query::COUNT],
    floor: u32,
    memory: [Option<Entry>; Query::COUNT],
    flights: Vec<Flight>,
    next_flight: u32,

    reader: Option<Reader>,
    /// How long the poll in flight has been waited for.
    polling: Option<Time>,
    effects: VecDeque<Effect>,
    history: History,
    applied: Option<Position>,
    lease: Option<Lease>,
    holds: Vec<Hold>,

    writes: Vec<WriteInProgress>,
    /// Own writes that are not acknowledged.
    pending: Vec<(Token, Targets)>,
    outbox: Vec<Outgoing>,
    published: Vec<Publication>,
}

impl Process {
    pub(crate) fn new(index: usize, id: u32) -> Self {
        Self {
            index,
            id,
            paused_until: 0,
            connection: None,
            version: 0,
            raised: [0; Query::COUNT],
            floor: 0,
            memory: [None; Query::COUNT],
            flights: Vec::new(),
            next_flight: 0,
            reader: None,
            polling: None,
            effects: VecDeque::new(),
            history: History::default(),
            applied: None,
            lease: None,
            holds: Vec::new(),
            writes: Vec::new(),
            pending: Vec::new(),
            outbox: Vec::new(),
            published: Vec::new(),
        }
    }

    pub(crate) fn pause(&mut self, until: Time) {
        self.paused_until = until;
    }

    pub(crate) fn is_paused(&self, now: Time) -> bool {
        now < self.paused_until
    }

    /// Whether there is such work.
    pub(crate) fn has(&self, work: Work) -> bool {
        match work {
            Work::Follow => self.polling.is_none() || !self.effects.is_empty(),
            Work::Load(_) => !self.flights.is_empty(),
            Work::Write(_) => !self.writes.is_empty(),
            Work::SendQueued => self.outbox.iter().any(|outgoing| !outgoing.is_sent),
        }
    }

    /// Time goes on, also for what waits.
    pub(crate) fn tick(&mut self, env: &mut Env) {
        if self.is_paused(env.now) {
            return;
        }
        self.tick_poll(env);
        self.tick_flights(env);
        self.tick_writes(env);
    }

    /// Whether it knows of everything before a time, and has nothing to do.
    pub(crate) fn is_idle(&self, since: Time) -> bool {
        self.lease.is_some_and(|lease| lease.heard_until >= since)
            && self.effects.is_empty()
            && self.flights.is_empty()
            && self.writes.is_empty()
            && self.outbox.is_empty()
    }

    pub(crate) fn is_connected_by(&self, connection: u32) -> bool {
        self.connection.as_ref().is_some_and(|mine| mine.id == connection && !mine.is_half_open)
    }

    /// Only for servers that are gone: a connection that is half open does not notice.
    pub(crate) fn disconnect_from(&mut self, server: Run) {
        if self.connection.as_ref().is_some_and(|connection| connection.server == server && !connection.is_half_open) {
            self.disconnect();
        }
    }

    pub(crate) fn disconnect(&mut self) {
        self.connection = None;
        self.polling = None;
        for write in &mut self.writes {
            write.lose_answer();
        }
        for outgoing in &mut self.outbox {
            outgoing.is_sent = false;
        }
    }

    pub(crate) fn half_open(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.is_half_open = true;
        }
    }

    pub(crate) fn receive(&mut self, reply: Reply, env: &mut Env) {
        match reply {
            Reply::Polled(polled) => self.polled(&polled, env),
            Reply::ReadBack(polled) => self.read_back(&polled, env),
            Reply::Begun => self.polling = None,
            Reply::Published { publication, position } => self.was_published(publication, position, env),
            Reply::Got { flight, stored } => self.got(flight, stored, env),
            Reply::Stored { flight } => self.stored(flight),
        }
    }

    /// Whether there is a connection to send on.
    fn send(&self, request: Request, env: &mut Env) -> bool {
        let Some(connection) = &self.connection else { return false };
        if !connection.is_half_open {
            env.network.push(Message {
                process: self.index,
                connection: connection.id,
                server: connection.server,
                body: Body::Request(request),
            });
        }
        true
    }

    /// The lease, while it is live.
    fn lease(&self, env: &Env) -> Option<Lease> {
        if !env.mechanisms.has(Mechanism::Lease) {
            let doubt = self.lease.map(|lease| lease.doubt).unwrap_or_default();
            return Some(Lease { heard_until: env.now, doubt });
        }
        self.lease.filter(|lease| env.now <= lease.heard_until + MAX_LAG)
    }

    /// An invalidation takes effect in the memory: on entries, and on loads in flight.
    fn raise(&mut self, targets: Targets) {
        self.version += 1;
        for target in targets.indices() {
            self.raised[target] = self.version;
        }
    }

    fn is_valid(&self, depends_on: Targets, since: u32) -> bool {
        self.floor <= since && depends_on.indices().all(|target| self.raised[target] <= since)
    }

    /// Whether an intent holds something at any time after `began`.
    fn is_held(&self, depends_on: Targets, began: Time) -> bool {
        self.holds.iter().any(|hold| hold.targets.meets(depends_on) && began < hold.until)
    }
}
