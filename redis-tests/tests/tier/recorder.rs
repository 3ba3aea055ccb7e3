//! A follower that records what it is told, and ways to wait for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use cache_core::{LeaseTime, LogPosition, PublishError, Restart};
use cache_redis::{Listener, RedisTier, RedisTierBuilder};
use redis_tests::Server;

/// When a test gives up waiting.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    Restart(Restart),
    Heard(String),
    Acknowledged(u64),
}

pub(crate) fn heard(records: &[&str]) -> Vec<Event> {
    records.iter().map(|&record| Event::Heard(record.to_owned())).collect()
}

#[derive(Default)]
struct Told {
    events: Vec<(Event, LogPosition)>,
    proven: Option<LeaseTime>,
}

#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Inner>);

#[derive(Default)]
struct Inner {
    told: Mutex<Told>,
    changed: Condvar,
    is_over: AtomicBool,
}

impl Recorder {
    fn record(&self, event: Event, position: LogPosition) {
        self.0.told.lock().unwrap().events.push((event, position));
        self.0.changed.notify_all();
    }

    fn wait_until(&self, mut is_it: impl FnMut(&Told) -> bool) {
        let told = self.0.told.lock().unwrap();
        let (told, waited) = self.0.changed.wait_timeout_while(told, PATIENCE, |told| !is_it(told)).unwrap();
        let last = told.events.iter().rev().take(10).collect::<Vec<_>>();
        assert!(!waited.timed_out(), "told last, backwards: {last:?}");
    }

    /// What it was told of the log.
    pub(crate) fn events(&self) -> Vec<Event> {
        let told = self.0.told.lock().unwrap();
        let of_log = |event: &&(Event, _)| !matches!(event.0, Event::Acknowledged(_));
        told.events.iter().filter(of_log).map(|(event, _)| event.clone()).collect()
    }

    /// All, with their positions.
    pub(crate) fn told(&self) -> Vec<(Event, LogPosition)> {
        self.0.told.lock().unwrap().events.clone()
    }

    pub(crate) fn is_proven(&self) -> bool {
        self.0.told.lock().unwrap().proven.is_some()
    }

    /// Until when all was heard.
    pub(crate) fn proven(&self) -> LeaseTime {
        self.0.told.lock().unwrap().proven.unwrap()
    }

    pub(crate) fn wait_for(&self, event: &Event) {
        self.wait_until(|told| told.events.iter().any(|(told, _)| told == event));
    }

    pub(crate) fn wait_for_record(&self, record: &str) {
        self.wait_for(&Event::Heard(record.to_owned()));
    }

    /// Waits for a proof from after now.
    pub(crate) fn wait_for_proof(&self) {
        let now = LeaseTime::now();
        self.wait_until(|told| told.proven.is_some_and(|proven| proven > now));
    }

    pub(crate) fn end(&self) {
        self.0.is_over.store(true, Ordering::SeqCst);
    }
}

impl Listener for Recorder {
    fn restart(&self, position: LogPosition, why: Restart) {
        self.record(Event::Restart(why), position);
    }

    fn hear(&self, position: LogPosition, record: &[u8]) -> bool {
        self.record(Event::Heard(String::from_utf8(record.to_vec()).unwrap()), position);
        true
    }

    fn prove(&self, heard_until: LeaseTime) {
        self.0.told.lock().unwrap().proven = Some(heard_until);
        self.0.changed.notify_all();
    }

    fn acknowledge(&self, token: u64, position: LogPosition) {
        self.record(Event::Acknowledged(token), position);
    }

    fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::SeqCst)
    }
}

/// A tier that follows.
pub(crate) struct Process {
    pub(crate) tier: RedisTier,
    pub(crate) recorder: Recorder,
}

impl Process {
    /// With a timeout that a busy machine keeps.
    pub(crate) fn start(server: &Server) -> Self {
        Self::start_with(&server.url(), |builder| builder)
    }

    pub(crate) fn start_with(url: &str, options: impl FnOnce(RedisTierBuilder) -> RedisTierBuilder) -> Self {
        let builder = options(RedisTier::builder(url).timeout(Duration::from_secs(10)));
        let tier = builder.connect_blocking().unwrap();
        let recorder = Recorder::default();
        tier.follow_with(recorder.clone());
        Self { tier, recorder }
    }

    pub(crate) fn publish(&self, record: &str) -> Result<LogPosition, PublishError> {
        wait(self.tier.publish_record(TOKEN, record.into(), false))
    }
}

/// What [`Process::publish`] is acknowledged with.
pub(crate) const TOKEN: u64 = 17;

/// Waits for a future, on a thread that drives neither I/O nor timers: a tier has its own.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A connection of the test's own.
pub(crate) fn redis(server: &Server) -> redis::Connection {
    redis::Client::open(server.url()).unwrap().get_connection().unwrap()
}
