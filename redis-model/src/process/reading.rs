//! Calls and loads.

use crate::mechanism::Mechanism;
use crate::network::Request;
use crate::oracle::{Answer, Doubt};
use crate::process::Process;
use crate::words::{MAX_LAG, Position, Query, Stored, TIMEOUT, Targets, Time, Value};
use crate::world::Env;

/// An entry of the memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    value: Value,
    depends_on: Targets,
    since: u32,
    doubt: Doubt,
}

/// Who gets the value of a load.
#[derive(Clone, Copy, Debug)]
enum Waiter {
    Caller {
        started: Time,
        doubt: Doubt,
    },
    /// Another load, with what it is in doubt about.
    Load {
        flight: u32,
        doubt: Doubt,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Nothing is done yet.
    Begin,
    /// The second level was asked.
    Get {
        waited: Time,
    },
    /// The second level has answered, and the answer is valid.
    Accepted,
    /// The body runs, and has read nothing.
    Body,
    /// The body waits for the answer of another query.
    Nested,
    /// The body has read the other query, and is about to read a row.
    Row,
    /// The body has returned.
    Loaded,
    /// The second level is to store the value.
    Put {
        waited: Time,
    },
    End,
}

/// A load in flight.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    id: u32,
    query: Query,
    began: Time,
    /// What it has read shows every write that was acknowledged before this.
    known_until: Time,
    since: u32,
    /// What was applied before it began.
    born: Option<Position>,
    depends_on: Targets,
    value: Value,
    stage: Stage,
    waiters: Vec<Waiter>,
    is_of_second_level: bool,
    doubt: Doubt,
}

/// What a query answers, to a caller or another load.
struct Found {
    value: Value,
    depends_on: Targets,
    since: u32,
    known_until: Time,
    is_of_second_level: bool,
    doubt: Doubt,
}

impl Process {
    pub(crate) fn call(&mut self, query: Query, env: &mut Env) {
        env.counts.calls += 1;
        self.ask(query, Waiter::Caller { started: env.now, doubt: Doubt::default() }, env);
    }

    /// From memory, else by joining a load, else by another load.
    fn ask(&mut self, query: Query, waiter: Waiter, env: &mut Env) {
        let lease = self.lease(env);
        if let (Some(lease), Some(entry)) = (lease, self.memory[query.index()])
            && self.is_valid(entry.depends_on, entry.since)
        {
            env.counts.hits += 1;
            let found = Found {
                value: entry.value,
                depends_on: entry.depends_on,
                since: self.version,
                known_until: lease.heard_until,
                is_of_second_level: false,
                doubt: entry.doubt.with(lease.doubt),
            };
            return self.answer(waiter, &found, env);
        }
        let oldest = env.now.saturating_sub(MAX_LAG);
        let is_bounded = |flight: &Flight, process: &Self| {
            env.mechanisms.has(Mechanism::BoundedJoins)
                && (lease.is_none() || process.is_held(flight.depends_on, flight.began))
        };
        let joined = self.flights.iter().position(|flight| {
            flight.query == query
                && self.is_valid(flight.depends_on, flight.since)
                && (!is_bounded(flight, self) || self.known_until(flight, env) >= oldest)
        });
        if let Some(joined) = joined {
            env.counts.joins += 1;
            let doubt = lease.map(|lease| lease.doubt).unwrap_or_default();
            self.flights[joined].waiters.push(waiter.with(doubt));
            return;
        }
        self.next_flight += 1;
        self.flights.push(Flight {
            id: self.next_flight,
            query,
            began: env.now,
            known_until: env.now,
            since: self.version,
            born: self.applied,
            depends_on: Targets::of(query),
            value: [None; 2],
            stage: Stage::Begin,
            waiters: vec![waiter],
            is_of_second_level: false,
            doubt: Doubt::default(),
        });
    }

    /// A load shows every write that was acknowledged before this. It may wait for an answer that is older than it is.
    fn known_until(&self, flight: &Flight, env: &Env) -> Time {
        if !env.mechanisms.has(Mechanism::AgeOfNestedAnswers) {
            return flight.began;
        }
        let waits_for = |other: &&Flight| {
            other.waiters.iter().any(|waiter| matches!(waiter, Waiter::Load { flight: id, .. } if *id == flight.id))
        };
        let awaited = self.flights.iter().filter(waits_for).map(|other| self.known_until(other, env));
        awaited.min().map_or(flight.known_until, |awaited| awaited.min(flight.known_until))
    }

    fn answer(&mut self, waiter: Waiter, found: &Found, env: &mut Env) {
        match waiter {
            Waiter::Caller { started, doubt } => {
                let (value, is_of_second_level) = (found.value, found.is_of_second_level);
                let doubt = doubt.with(found.doubt);
                let answer = Answer { process: self.id, started, value, is_of_second_level, doubt };
                env.trace.note(|| format!("answers {value:?} to the call of {started}"));
                env.oracle.check(&answer, env.now);
            }
            Waiter::Load { flight, doubt } => {
                let keeps_dependencies = env.mechanisms.has(Mechanism::DependenciesOfNestedAnswers);
                let Some(flight) = self.flight(flight) else { return };
                if keeps_dependencies {
                    flight.depends_on = flight.depends_on.with(found.depends_on);
                    flight.since = flight.since.min(found.since);
                }
                flight.known_until = flight.known_until.min(found.known_until);
                flight.value = found.value;
                flight.is_of_second_level |= found.is_of_second_level;
                flight.doubt = flight.doubt.with(found.doubt).with(doubt);
                flight.stage = Stage::Row;
            }
        }
    }

    fn flight(&mut self, id: u32) -> Option<&mut Flight> {
        self.flights.iter_mut().find(|flight| flight.id == id)
    }

    /// One step of a load.
    pub(crate) fn load(&mut self, pick: usize, env: &mut Env) {
        if self.flights.is_empty() {
            return;
        }
        let index = pick % self.flights.len();
        let (id, query) = (self.flights[index].id, self.flights[index].query);
        let next = match self.flights[index].stage {
            Stage::Get { .. } | Stage::Put { .. } | Stage::Nested => return,
            Stage::Begin if self.lease(env).is_some() && self.send(Request::Get { query, flight: id }, env) => {
                Stage::Get { waited: 0 }
            }
            Stage::Begin => Stage::Body,
            Stage::Body if query == Query::Outer => {
                let flight = &mut self.flights[index];
                flight.stage = Stage::Nested;
                if env.mechanisms.has(Mechanism::DependenciesOfNestedAnswers) {
                    flight.depends_on = flight.depends_on.with(Targets::of(Query::Inner));
                }
                return self.ask(Query::Inner, Waiter::Load { flight: id, doubt: Doubt::default() }, env);
            }
            Stage::Body | Stage::Row => {
                env.counts.loads += 1;
                let row = usize::from(query != Query::Inner);
                self.flights[index].value[row] = Some(env.rows[row]);
                Stage::Loaded
            }
            Stage::Loaded => self.put(index, env),
            Stage::Accepted | Stage::End => return self.end(index, env),
        };
        self.flights[index].stage = next;
    }

    pub(super) fn tick_flights(&mut self, env: &mut Env) {
        for flight in &mut self.flights {
            let after = match flight.stage {
                Stage::Get { .. } => Stage::Body,
                _ => Stage::End,
            };
            if let Stage::Get { waited } | Stage::Put { waited } = &mut flight.stage {
                *waited += 1;
                if *waited > TIMEOUT {
                    if env.mechanisms.has(Mechanism::Timeouts) {
                        flight.stage = after;
                    } else {
                        env.oracle.violation = Some("P22: a reader waits for Redis for longer than the bound".into());
                    }
                }
            }
        }
    }

    /// The second level has answered.
    pub(super) fn got(&mut self, id: u32, stored: Option<Stored>, env: &mut Env) {
        let (lease, index) = (self.lease(env), self.flights.iter().position(|flight| flight.id == id));
        let Some(index) = index.filter(|index| matches!(self.flights[*index].stage, Stage::Get { .. })) else { return };
        let accepted = stored.zip(lease).filter(|(stored, _)| self.accepts(stored, env));
        let flight = &mut self.flights[index];
        let Some((stored, lease)) = accepted else {
            flight.stage = Stage::Body;
            return;
        };
        env.counts.second_level_hits += 1;
        flight.stage = Stage::Accepted;
        (flight.value, flight.depends_on) = (stored.value, stored.depends_on);
        flight.known_until = flight.known_until.min(lease.heard_until);
        flight.is_of_second_level = true;
        flight.doubt = flight.doubt.with(stored.doubt).with(lease.doubt);
        flight.doubt.went_back |= env.oracle.has_gone_back(stored.born.epoch);
    }

    /// Whether a value of the second level shows all that this process has heard of.
    fn accepts(&self, stored: &Stored, env: &Env) -> bool {
        let has = |mechanism| env.mechanisms.has(mechanism);
        let history = &self.history;
        (history.epoch == Some(stored.born.epoch) || !has(Mechanism::EpochOfEntries))
            && (history.floor <= stored.born.id || !has(Mechanism::HistoryFloor))
            && (!has(Mechanism::BornOfEntries)
                || stored.depends_on.indices().all(|target| history.last[target] <= stored.born.id))
            && !self.pending.iter().any(|(_, targets)| targets.meets(stored.depends_on))
            && !self.is_held(stored.depends_on, env.now)
    }

    /// Before the load ends, its value is stored in the second level.
    fn put(&self, index: usize, env: &mut Env) -> Stage {
        let flight = &self.flights[index];
        let Some(born) = flight.born.filter(|_| !self.is_held(flight.depends_on, flight.began)) else {
            return Stage::End;
        };
        let stored = Stored { born, depends_on: flight.depends_on, value: flight.value, doubt: flight.doubt };
        let request = Request::Put { query: flight.query, stored, flight: flight.id };
        if self.send(request, env) { Stage::Put { waited: 0 } } else { Stage::End }
    }

    pub(super) fn stored(&mut self, id: u32) {
        if let Some(flight) = self.flight(id).filter(|flight| matches!(flight.stage, Stage::Put { .. })) {
            flight.stage = Stage::End;
        }
    }

    /// The value is stored, unless something that it depends on was invalidated meanwhile, and all who wait get it.
    fn end(&mut self, index: usize, env: &mut Env) {
        let flight = self.flights.swap_remove(index);
        let Flight { value, depends_on, since, doubt, .. } = flight;
        if self.is_valid(depends_on, since) && !self.is_held(depends_on, flight.began) {
            self.memory[flight.query.index()] = Some(Entry { value, depends_on, since, doubt });
        }
        let found = Found {
            value,
            depends_on,
            since,
            known_until: flight.known_until,
            is_of_second_level: flight.is_of_second_level,
            doubt,
        };
        for waiter in flight.waiters {
            self.answer(waiter, &found, env);
        }
    }
}

impl Waiter {
    fn with(self, more: Doubt) -> Self {
        match self {
            Self::Caller { started, doubt } => Self::Caller { started, doubt: doubt.with(more) },
            Self::Load { flight, doubt } => Self::Load { flight, doubt: doubt.with(more) },
        }
    }
}
