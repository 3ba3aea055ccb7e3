//! A tier in memory, whose processes hear of records when a test says so.

use std::collections::HashMap;
use std::future::poll_fn;
#[cfg(not(shuttle))]
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::Duration;

use cache_core::{
    Cache, CacheBuilder, Follower, LeaseTime, LogPosition, Publication, PublishError, PutOutcome, Restart, SharedTier,
    StoredValue, TierError, TierFuture,
};
#[cfg(shuttle)]
use shuttle::sync::{Arc, Mutex, MutexGuard};

/// What the processes share.
#[derive(Clone, Default)]
pub(crate) struct Server {
    state: Arc<Mutex<State>>,
    /// Of records: a process hears them in their order.
    delivery: Arc<Mutex<()>>,
}

#[derive(Default)]
struct State {
    epoch: u64,
    log: Vec<Vec<u8>>,
    values: HashMap<Vec<u8>, (Vec<u8>, Duration)>,
    processes: Vec<Process>,
    is_down: bool,
    is_held: bool,
    /// Whether answers wait.
    holds_answers: bool,
    /// Those who wait for one.
    waiting: Vec<Waker>,
    max_bytes: Option<usize>,
    /// Of all processes.
    outbox: Vec<(usize, Publication)>,
}

struct Process {
    follower: Follower,
    heard: u64,
}

impl Server {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it has the lock")
    }

    /// A process with a cache, which has heard all and hears of everything at once.
    pub(crate) fn process(&self) -> Cache {
        self.process_with(Cache::builder())
    }

    pub(crate) fn process_with(&self, builder: CacheBuilder) -> Cache {
        let number = self.state().processes.len();
        let cache = builder.shared(Tier { server: self.clone(), number, max_lag: HOUR }).build();
        self.deliver();
        cache
    }

    /// A process that never has a lease.
    pub(crate) fn process_with_max_lag(&self, max_lag: Duration) -> Cache {
        let number = self.state().processes.len();
        Cache::builder().shared(Tier { server: self.clone(), number, max_lag }).build()
    }

    /// All hear of all records, and have a lease.
    pub(crate) fn deliver(&self) {
        let count = self.state().processes.len();
        (0..count).for_each(|number| self.deliver_to(number));
    }

    pub(crate) fn deliver_to(&self, number: usize) {
        let _delivery = self.delivery.lock().expect("no test panics while it has the lock");
        let asked_at = LeaseTime::now();
        let (follower, epoch, heard, records) = {
            let mut state = self.state();
            let (epoch, length) = (state.epoch, state.log.len());
            let heard = std::mem::replace(&mut state.processes[number].heard, length as u64);
            let index = usize::try_from(heard).expect("it is small");
            (state.processes[number].follower.clone(), epoch, heard, state.log[index..].to_vec())
        };
        for (id, record) in (heard + 1..).zip(records) {
            assert!(follower.hear(LogPosition { epoch, id }, &record) || follower.is_over());
        }
        follower.prove(asked_at);
    }

    /// From now on, records wait for [`deliver`](Self::deliver).
    pub(crate) fn hold(&self) {
        self.state().is_held = true;
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        let mut state = self.state();
        state.is_down = is_down;
        let queued = if is_down { Vec::new() } else { std::mem::take(&mut state.outbox) };
        drop(state);
        for (number, publication) in queued {
            self.append(number, publication).expect("it is up");
        }
    }

    pub(crate) fn limit(&self, bytes: usize) {
        self.state().max_bytes = Some(bytes);
    }

    pub(crate) fn follower(&self, number: usize) -> Follower {
        self.state().processes[number].follower.clone()
    }

    /// A process finds that it has lost records: what was before is unknown.
    pub(crate) fn lose(&self, number: usize) {
        let (follower, epoch, id) = {
            let mut state = self.state();
            let length = state.log.len() as u64;
            state.processes[number].heard = length;
            (state.processes[number].follower.clone(), state.epoch, length)
        };
        follower.restart(LogPosition { epoch, id }, Restart::Lost);
        follower.prove(LeaseTime::now());
    }

    /// The log begins anew. The second level keeps what it has.
    pub(crate) fn begin_epoch(&self) {
        let (epoch, followers) = {
            let mut state = self.state();
            state.epoch += 1;
            state.log.clear();
            state.processes.iter_mut().for_each(|process| process.heard = 0);
            (state.epoch, state.processes.iter().map(|process| process.follower.clone()).collect::<Vec<_>>())
        };
        for follower in followers {
            follower.restart(LogPosition { epoch, id: 0 }, Restart::NewEpoch);
            follower.prove(LeaseTime::now());
        }
    }

    /// Writes over all values.
    pub(crate) fn spoil(&self, with: impl Fn(&mut Vec<u8>)) {
        self.state().values.values_mut().for_each(|(value, _)| with(value));
    }

    /// Time passes for all values.
    pub(crate) fn age(&self, by: Duration) {
        let mut state = self.state();
        state.values.values_mut().for_each(|(_, expires_in)| *expires_in = expires_in.saturating_sub(by));
        state.values.retain(|_, (_, expires_in)| !expires_in.is_zero());
    }

    /// From now on, callers wait for their answers.
    pub(crate) fn hold_answers(&self) {
        self.state().holds_answers = true;
    }

    pub(crate) fn give_answers(&self) {
        let mut state = self.state();
        state.holds_answers = false;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether somebody waits for an answer.
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.state().waiting.is_empty()
    }

    /// What was asked for has happened: only the answer may be late.
    fn answer<'a, T: Send + 'a>(&self, value: T) -> TierFuture<'a, T> {
        let (server, mut value) = (self.clone(), Some(value));
        Box::pin(poll_fn(move |cx| {
            let mut state = server.state();
            if state.holds_answers {
                state.waiting.push(cx.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(value.take().expect("it is ready once"))
        }))
    }

    pub(crate) fn keys(&self) -> Vec<Vec<u8>> {
        self.state().values.keys().cloned().collect()
    }

    pub(crate) fn records(&self) -> usize {
        self.state().log.len()
    }

    fn append(&self, number: usize, publication: Publication) -> Result<LogPosition, PublishError> {
        let mut state = self.state();
        if state.is_down {
            if !publication.is_intent {
                state.outbox.push((number, publication));
            }
            return Err(TierError::new("it is down").into());
        }
        state.log.push(publication.record);
        let position = LogPosition { epoch: state.epoch, id: state.log.len() as u64 };
        let (follower, is_held) = (state.processes[number].follower.clone(), state.is_held);
        drop(state);
        follower.acknowledge(publication.token, position);
        if !is_held {
            self.deliver();
        }
        Ok(position)
    }
}

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

struct Tier {
    server: Server,
    number: usize,
    max_lag: Duration,
}

impl SharedTier for Tier {
    fn max_lag(&self) -> Duration {
        self.max_lag
    }

    fn follow(&self, follower: Follower) {
        let (epoch, id) = {
            let mut state = self.server.state();
            let length = state.log.len() as u64;
            state.processes.push(Process { follower: follower.clone(), heard: length });
            (state.epoch, length)
        };
        follower.restart(LogPosition { epoch, id }, Restart::First);
    }

    fn get<'a>(&'a self, key: &'a [u8]) -> TierFuture<'a, Result<Option<StoredValue>, TierError>> {
        let state = self.server.state();
        self.server.answer(if state.is_down {
            Err(TierError::new("it is down"))
        } else {
            Ok(state.values.get(key).cloned().map(|(value, expires_in)| StoredValue { value, expires_in }))
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a [u8],
        value: Vec<u8>,
        expires_in: Duration,
    ) -> TierFuture<'a, Result<PutOutcome, TierError>> {
        let mut state = self.server.state();
        self.server.answer(if state.is_down {
            Err(TierError::new("it is down"))
        } else if state.max_bytes.is_some_and(|max| value.len() > max) {
            Ok(PutOutcome::TooLarge)
        } else {
            state.values.insert(key.to_vec(), (value, expires_in));
            Ok(PutOutcome::Stored)
        })
    }

    fn remove<'a>(&'a self, key: &'a [u8]) -> TierFuture<'a, Result<(), TierError>> {
        self.server.state().values.remove(key);
        self.server.answer(Ok(()))
    }

    fn publish(&self, publication: Publication) -> TierFuture<'static, Result<LogPosition, PublishError>> {
        let answer = self.server.append(self.number, publication);
        self.server.answer(answer)
    }
}
