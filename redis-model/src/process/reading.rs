//! Calls and loads.

use crate::env::Env;
use crate::mechanism::Mechanism;
use crate::network::Request;
use crate::oracle::Answer;
use crate::process::cache::Cache;
use crate::process::memory::Entry;
use crate::protocol::{Doubt, MAX_LAG, Position, Query, Stored, TIMEOUT, Targets, Time};

/// Who gets the value of a load.
#[derive(Clone, Copy, Debug)]
enum Waiter {
    /// A caller, with the time of its call.
    Caller(Time),
    /// Another load.
    Load(u32),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Nothing is done yet.
    Begin,
    /// The second level was asked so long ago.
    Get(Time),
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
    /// The second level was asked so long ago to store the value.
    Put(Time),
    End,
}

/// What a query answers, to a caller or another load.
#[derive(Clone, Copy, Debug)]
struct Found {
    entry: Entry,
    /// It shows every write that was acknowledged before this.
    known_until: Time,
    is_of_second_level: bool,
}

/// A load in flight.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    id: u32,
    query: Query,
    began: Time,
    /// What was applied before it began.
    born: Option<Position>,
    stage: Stage,
    /// So far.
    found: Found,
    /// With the doubt about the lease when they joined.
    waiters: Vec<(Waiter, Doubt)>,
}

#[derive(Default, Debug)]
pub(super) struct Loads {
    pub(super) flights: Vec<Flight>,
    last_id: u32,
}

impl Loads {
    pub(super) fn call(&mut self, query: Query, cache: &Cache, env: &mut Env) {
        env.counts.calls += 1;
        self.ask(query, Waiter::Caller(env.now), cache, env);
    }

    /// From memory, else by joining a load, else by another load.
    fn ask(&mut self, query: Query, waiter: Waiter, cache: &Cache, env: &mut Env) {
        let Cache { memory, heard, .. } = cache;
        let lease = heard.lease(env);
        if let (Some(lease), Some(entry)) = (lease, memory.get(query)) {
            env.counts.hits += 1;
            let entry = Entry { since: memory.version, doubt: entry.doubt.with(lease.doubt), ..entry };
            let found = Found { entry, known_until: lease.heard_until, is_of_second_level: false };
            return self.answer(waiter, found, cache, env);
        }
        let oldest = env.now.saturating_sub(MAX_LAG);
        let is_bounded = |flight: &Flight| {
            env.mechanisms.has(Mechanism::BoundedJoins)
                && (lease.is_none() || heard.is_held(flight.found.entry.depends_on, flight.began))
        };
        let joined = self.flights.iter().position(|flight| {
            flight.query == query
                && memory.is_valid(&flight.found.entry)
                && (!is_bounded(flight) || self.known_until(flight, env) >= oldest)
        });
        if let Some(joined) = joined {
            env.counts.joins += 1;
            let doubt = lease.map(|lease| lease.doubt).unwrap_or_default();
            self.flights[joined].waiters.push((waiter, doubt));
            return;
        }
        self.last_id += 1;
        let entry =
            Entry { value: [None; 2], depends_on: Targets::of(query), since: memory.version, doubt: Doubt::default() };
        self.flights.push(Flight {
            id: self.last_id,
            query,
            began: env.now,
            born: heard.applied,
            stage: Stage::Begin,
            found: Found { entry, known_until: env.now, is_of_second_level: false },
            waiters: vec![(waiter, Doubt::default())],
        });
    }

    /// That of a load, with the answers that it waits for: they may be older than it is.
    fn known_until(&self, flight: &Flight, env: &Env) -> Time {
        if !env.mechanisms.has(Mechanism::AgeOfNestedAnswers) {
            return flight.began;
        }
        let waits_for = |other: &&Flight| {
            other.waiters.iter().any(|waiter| matches!(waiter, (Waiter::Load(id), _) if *id == flight.id))
        };
        let awaited = self.flights.iter().filter(waits_for).map(|other| self.known_until(other, env));
        awaited.fold(flight.found.known_until, Time::min)
    }

    fn answer(&mut self, waiter: Waiter, found: Found, cache: &Cache, env: &mut Env) {
        let Found { entry, known_until, is_of_second_level } = found;
        match waiter {
            Waiter::Caller(started) => {
                let (process, value, doubt) = (cache.id, entry.value, entry.doubt);
                env.trace.note(|| format!("answers {value:?} to the call of {started}"));
                env.oracle.check(&Answer { process, started, value, is_of_second_level, doubt }, env.now);
            }
            Waiter::Load(flight) => {
                let Some(Flight { found: outer, stage, .. }) = self.flight(flight) else { return };
                if env.mechanisms.has(Mechanism::DependenciesOfNestedAnswers) {
                    outer.entry.depends_on = outer.entry.depends_on.with(entry.depends_on);
                    outer.entry.since = outer.entry.since.min(entry.since);
                }
                outer.known_until = outer.known_until.min(known_until);
                outer.entry.value = entry.value;
                outer.is_of_second_level |= is_of_second_level;
                outer.entry.doubt = outer.entry.doubt.with(entry.doubt);
                *stage = Stage::Row;
            }
        }
    }

    fn flight(&mut self, id: u32) -> Option<&mut Flight> {
        self.flights.iter_mut().find(|flight| flight.id == id)
    }

    /// One step of a load.
    pub(super) fn step(&mut self, pick: usize, cache: &mut Cache, env: &mut Env) {
        if self.flights.is_empty() {
            return;
        }
        let index = pick % self.flights.len();
        let flight = &mut self.flights[index];
        let (id, query, entry) = (flight.id, flight.query, &mut flight.found.entry);
        flight.stage = match flight.stage {
            Stage::Get(_) | Stage::Put(_) | Stage::Nested => return,
            Stage::Begin if cache.heard.lease(env).is_some() && cache.send(Request::Get { query, flight: id }, env) => {
                Stage::Get(0)
            }
            Stage::Begin => Stage::Body,
            Stage::Body if query == Query::Outer => {
                flight.stage = Stage::Nested;
                if env.mechanisms.has(Mechanism::DependenciesOfNestedAnswers) {
                    entry.depends_on = entry.depends_on.with(Targets::of(Query::Inner));
                }
                return self.ask(Query::Inner, Waiter::Load(id), cache, env);
            }
            Stage::Body | Stage::Row => {
                env.counts.loads += 1;
                let row = usize::from(query != Query::Inner);
                entry.value[row] = Some(env.rows[row]);
                Stage::Loaded
            }
            Stage::Loaded => flight.put(cache, env),
            Stage::Accepted | Stage::End => return self.end(index, cache, env),
        };
    }

    pub(super) fn tick(&mut self, env: &mut Env) {
        for flight in &mut self.flights {
            let after = match flight.stage {
                Stage::Get(_) => Stage::Body,
                _ => Stage::End,
            };
            if let Stage::Get(waited) | Stage::Put(waited) = &mut flight.stage {
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
    pub(super) fn got(&mut self, id: u32, stored: Option<Stored>, cache: &Cache, env: &mut Env) {
        let asks = |flight: &&mut Flight| matches!(flight.stage, Stage::Get(_));
        let Some(Flight { stage, found, .. }) = self.flight(id).filter(asks) else { return };
        let accepted = stored.zip(cache.heard.lease(env)).filter(|(stored, _)| cache.accepts(stored, env));
        let Some((stored, lease)) = accepted else {
            *stage = Stage::Body;
            return;
        };
        env.counts.second_level_hits += 1;
        *stage = Stage::Accepted;
        found.known_until = found.known_until.min(lease.heard_until);
        found.is_of_second_level = true;
        let entry = &mut found.entry;
        (entry.value, entry.depends_on) = (stored.value, stored.depends_on);
        entry.doubt = entry.doubt.with(stored.doubt).with(lease.doubt);
        entry.doubt.went_back |= env.oracle.has_gone_back(stored.born.epoch);
    }

    pub(super) fn stored(&mut self, id: u32) {
        if let Some(flight) = self.flight(id).filter(|flight| matches!(flight.stage, Stage::Put(_))) {
            flight.stage = Stage::End;
        }
    }

    /// The value is stored, unless something that it depends on was invalidated meanwhile, and all waiters get it.
    fn end(&mut self, index: usize, cache: &mut Cache, env: &mut Env) {
        let Flight { query, began, found, waiters, .. } = self.flights.swap_remove(index);
        if cache.memory.is_valid(&found.entry) && !cache.heard.is_held(found.entry.depends_on, began) {
            cache.memory.entries[query.index()] = Some(found.entry);
        }
        for (waiter, doubt) in waiters {
            let entry = Entry { doubt: found.entry.doubt.with(doubt), ..found.entry };
            self.answer(waiter, Found { entry, ..found }, cache, env);
        }
    }
}

impl Flight {
    /// Before the load ends, its value is stored in the second level.
    fn put(&self, cache: &Cache, env: &mut Env) -> Stage {
        let Entry { value, depends_on, doubt, .. } = self.found.entry;
        let Some(born) = self.born.filter(|_| !cache.heard.is_held(depends_on, self.began)) else { return Stage::End };
        let stored = Stored { born, depends_on, value, doubt };
        let request = Request::Put { query: self.query, stored, flight: self.id };
        if cache.send(request, env) { Stage::Put(0) } else { Stage::End }
    }
}
