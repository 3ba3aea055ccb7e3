//! What the handles of a tier and its thread share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use cache_core::{LeaseTime, LogPosition, PutOutcome, StoredValue, TierError};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, RedisError};
use tokio::sync::{Notify, oneshot};
use tokio::time;

use crate::listener::Listener;
use crate::outbox::{Caller, Outbox, Outgoing};
use crate::server_clock::ServerClock;
use crate::settings::Settings;
use crate::value::{self, Decoded};

/// For how long a tier that has nobody left publishes what is queued.
const LAST_WORDS: Duration = Duration::from_secs(1);

pub(crate) struct Hub {
    pub(crate) settings: Settings,
    /// Times are counted from here.
    origin: LeaseTime,
    listener: OnceLock<Arc<dyn Listener>>,
    state: Mutex<State>,
    is_closed: AtomicBool,
    /// There is a listener.
    followed: Notify,
    /// There may be something to publish.
    work: Notify,
    /// The log is to be polled at once.
    poll: Notify,
    /// A connection may be dead.
    doubt: Notify,
    /// Nobody is left, or nothing to publish.
    closed: Notify,
}

#[derive(Debug)]
struct State {
    link: Result<Link, String>,
    /// The epoch of the log, while it is in order.
    epoch: Option<u64>,
    /// The epoch whose log does not fit its head.
    broken: Option<u64>,
    outbox: Outbox,
    /// A part of what was in the outbox is on its way.
    is_publishing: bool,
}

/// A connection to a server that was checked.
#[derive(Clone, Debug)]
struct Link {
    connection: MultiplexedConnection,
    clock: ServerClock,
}

impl Hub {
    pub(crate) fn new(settings: Settings) -> Self {
        let state = State {
            link: Err("not yet".to_owned()),
            epoch: None,
            broken: None,
            outbox: Outbox::default(),
            is_publishing: false,
        };
        Self {
            settings,
            origin: LeaseTime::now(),
            listener: OnceLock::new(),
            state: Mutex::new(state),
            is_closed: AtomicBool::new(false),
            followed: Notify::new(),
            work: Notify::new(),
            poll: Notify::new(),
            doubt: Notify::new(),
            closed: Notify::new(),
        }
    }

    /// Nothing that may panic runs under the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn time(&self, at: LeaseTime) -> Duration {
        at.since(self.origin)
    }

    pub(crate) fn now(&self) -> Duration {
        self.time(LeaseTime::now())
    }

    // Who listens.

    pub(crate) fn set_listener(&self, listener: Arc<dyn Listener>) {
        assert!(self.listener.set(listener).is_ok(), "a tier follows for one cache: connect another");
        self.followed.notify_one();
    }

    pub(crate) async fn listener(&self) -> &Arc<dyn Listener> {
        loop {
            if let Some(listener) = self.listener.get() {
                return listener;
            }
            self.followed.notified().await;
        }
    }

    /// Nobody needs the tier any more.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.closed.notify_one();
    }

    /// Closes it if the cache is gone.
    pub(crate) fn close_if_over(&self) {
        if self.listener.get().is_some_and(|listener| listener.is_over()) {
            self.close();
        }
    }

    /// Waits until nobody needs the tier, and what was queued is published.
    pub(crate) async fn wait_until_over(&self) {
        while !self.is_closed.load(Ordering::Acquire) {
            self.closed.notified().await;
        }
        let published = async {
            while self.has_work() {
                self.closed.notified().await;
            }
        };
        // What cannot be published until then is lost, as by a process that ends.
        drop(time::timeout(LAST_WORDS, published).await);
    }

    fn has_work(&self) -> bool {
        let state = self.state();
        state.is_publishing || !state.outbox.is_empty()
    }

    // The connection.

    pub(crate) fn connect(&self, connection: MultiplexedConnection, clock: ServerClock) {
        self.state().link = Ok(Link { connection, clock });
    }

    pub(crate) fn disconnect(&self, why: String) {
        let mut state = self.state();
        state.link = Err(why);
        state.epoch = None;
    }

    pub(crate) fn learn_time(&self, clock: ServerClock) {
        if let Ok(link) = &mut self.state().link {
            link.clock = link.clock.narrowed_by(clock);
        }
    }

    pub(crate) async fn wait_for_doubt(&self) {
        self.doubt.notified().await;
    }

    fn link(&self) -> Result<Link, TierError> {
        self.state().link.clone().map_err(|why| TierError::new(format!("Redis is not connected: {why}")))
    }

    /// Asks the server, for as long as a caller may wait.
    async fn ask<T: FromRedisValue>(
        &self,
        connection: &mut MultiplexedConnection,
        command: &Cmd,
    ) -> Result<T, TierError> {
        let answer = time::timeout(self.settings.timeout, command.query_async(connection)).await;
        let error = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => tier_error(&error),
            Err(_) => self.late(),
        };
        // Most errors are of this command only. It costs little to find out.
        self.doubt.notify_one();
        Err(error)
    }

    fn late(&self) -> TierError {
        TierError::new(format!("Redis has not answered within {:?}", self.settings.timeout))
    }

    // Values.

    pub(crate) async fn get(&self, key: &[u8]) -> Result<Option<StoredValue>, TierError> {
        let key = self.settings.value_key(key);
        let mut connection = self.link()?.connection;
        let Some(bytes) = self.ask::<Option<Vec<u8>>>(&mut connection, redis::cmd("GET").arg(&key)).await? else {
            return Ok(None);
        };
        // The bounds may be better by now, or of another server.
        let latest = self.link()?.clock.latest(self.now());
        match value::decode(bytes, latest) {
            Decoded::Value { value, expires_in } => Ok(Some(StoredValue { value, expires_in })),
            Decoded::Expired => Ok(None),
            Decoded::Unknown => {
                self.ask::<()>(&mut connection, redis::cmd("DEL").arg(&key)).await?;
                Ok(None)
            }
        }
    }

    /// `called`: `expires_in` is counted from then.
    pub(crate) async fn put(
        &self,
        key: &[u8],
        value: &[u8],
        expires_in: Duration,
        called: LeaseTime,
    ) -> Result<PutOutcome, TierError> {
        if value.len() > self.settings.max_value_bytes {
            return Ok(PutOutcome::TooLarge);
        }
        let Link { mut connection, clock } = self.link()?;
        let deadline = value::deadline(clock.earliest(self.time(called)), expires_in);
        let mut command = redis::cmd("SET");
        command.arg(self.settings.value_key(key)).arg(value::encode(value, deadline)).arg("PXAT").arg(deadline);
        self.ask::<()>(&mut connection, &command).await?;
        Ok(PutOutcome::Stored)
    }

    pub(crate) async fn remove(&self, key: &[u8]) -> Result<(), TierError> {
        let mut connection = self.link()?.connection;
        self.ask(&mut connection, redis::cmd("DEL").arg(self.settings.value_key(key))).await
    }

    // The log.

    /// Queues a publication. Its answer comes if it is worth waiting for.
    pub(crate) fn queue(&self, token: u64, record: Vec<u8>, is_intent: bool) -> Result<Published, TierError> {
        let link = self.link().map(drop);
        if is_intent {
            // It may not be heard later.
            link.clone()?;
        }
        let (reply, received) = oneshot::channel();
        self.state().outbox.push(Outgoing { record, is_intent, caller: Some(Caller { token, reply }) });
        self.work.notify_one();
        link.map(|()| received)
    }

    pub(crate) async fn wait_until_published(&self, published: Published) -> Result<LogPosition, TierError> {
        match time::timeout(self.settings.timeout, published).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(TierError::new("the cache is gone"))),
            Err(_) => Err(self.late()),
        }
    }

    /// The log is in order.
    pub(crate) fn enter(&self, epoch: u64) {
        let mut state = self.state();
        if state.epoch.replace(epoch) != Some(epoch) {
            state.outbox.enter(epoch, self.now());
            self.work.notify_one();
        }
    }

    /// The log may not be in order.
    pub(crate) fn leave(&self) {
        self.state().epoch = None;
    }

    pub(crate) fn is_broken(&self, epoch: u64) -> bool {
        self.state().broken == Some(epoch)
    }

    pub(crate) async fn wait_for_poll(&self) {
        self.poll.notified().await;
    }

    /// What is to be published next, and in which epoch.
    pub(crate) async fn next_batch(&self) -> Batch<'_> {
        loop {
            if let Some(batch) = self.take_batch() {
                return batch;
            }
            self.work.notified().await;
        }
    }

    fn take_batch(&self) -> Option<Batch<'_>> {
        let mut state = self.state();
        let epoch = state.epoch?;
        let items = state.outbox.take_batch();
        state.is_publishing = !items.is_empty();
        // Not made in vain: its drop takes the lock.
        state.is_publishing.then(|| Batch { hub: self, epoch, items })
    }

    /// A record was appended.
    pub(crate) fn published(&self, item: Outgoing, position: LogPosition) {
        let Outgoing { record, is_intent, caller } = item;
        let is_too_late = is_intent && caller.as_ref().is_some_and(|caller| caller.reply.is_closed());
        if is_too_late {
            return;
        }
        self.state().outbox.keep(record, is_intent, position.epoch, self.now());
        if let Some(Caller { token, reply }) = caller {
            if let Some(listener) = self.listener.get() {
                listener.acknowledge(token, position);
            }
            // The caller may have given up.
            drop(reply.send(Ok(position)));
        }
    }

    /// A record was refused, because the log has gone on to another epoch, or `is_broken`.
    pub(crate) fn refused(&self, epoch: u64, is_broken: bool) {
        let mut state = self.state();
        if is_broken {
            state.broken = Some(epoch);
        }
        if state.epoch == Some(epoch) {
            state.epoch = None;
        }
        self.poll.notify_one();
    }
}

/// The answer to what was queued.
pub(crate) type Published = oneshot::Receiver<Result<LogPosition, TierError>>;

/// Records that are being published. Those that are left when it is dropped are published again.
pub(crate) struct Batch<'a> {
    hub: &'a Hub,
    pub(crate) epoch: u64,
    pub(crate) items: Vec<Outgoing>,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let why = TierError::new("Redis has not acknowledged it");
        let mut state = self.hub.state();
        state.outbox.give_back(self.items.drain(..), &why);
        state.is_publishing = false;
        self.hub.closed.notify_one();
    }
}

fn tier_error(error: &RedisError) -> TierError {
    TierError::new(format!("Redis: {error}"))
}
