//! Two connections to a server that has been checked, until one of them fails: one waits for records, the other asks.

use std::convert::Infallible;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use cache_core::{LeaseTime, LogPosition};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisError, RedisResult, Value};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task;
use tokio::time::{self, error::Elapsed};

use crate::age::Ages;
use crate::error::ConnectError;
use crate::hub::{Batch, Hub};
use crate::listener::Listener;
use crate::reader::{Answer, LogReader, Next};
use crate::scripts::{self, Call, Polled};
use crate::server_clock::ServerClock;

/// For how long a connection may take, with its greetings.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Why there is no session.
#[derive(Debug)]
pub(crate) enum SessionError {
    Redis(RedisError),
    Version(String),
    /// Something between the server and us moves connections.
    Moved,
    Late,
    /// The thread ends.
    Over,
}

impl From<Elapsed> for SessionError {
    fn from(_: Elapsed) -> Self {
        Self::Late
    }
}

impl From<RedisError> for SessionError {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl SessionError {
    /// If it makes no sense to go on.
    pub(crate) fn for_builder(&self) -> Option<ConnectError> {
        match self {
            Self::Redis(error) => ConnectError::of_answer(error),
            Self::Version(version) => Some(ConnectError::version(version)),
            Self::Moved | Self::Late | Self::Over => None,
        }
    }

    pub(crate) fn text(&self) -> String {
        match self {
            Self::Redis(error) => error.to_string(),
            Self::Version(version) => format!("its version is {version}, less than 7.0"),
            Self::Moved => "another server answers on the same connection".to_owned(),
            Self::Over => "the cache is gone".to_owned(),
            Self::Late => "it has not answered in time".to_owned(),
        }
    }
}

/// How far the log has been heard. It outlives sessions.
#[derive(Debug)]
pub(crate) struct Progress {
    reader: LogReader,
    ages: Ages,
}

impl Progress {
    pub(crate) fn new(max_entry_age: Duration) -> Self {
        Self { reader: LogReader::new(), ages: Ages::new(max_entry_age) }
    }
}

pub(crate) struct Session<'a> {
    hub: &'a Hub,
    /// Waits for records.
    waiting: MultiplexedConnection,
    /// Does everything else.
    asking: MultiplexedConnection,
    /// The server's process.
    run: Arc<str>,
}

impl<'a> Session<'a> {
    /// Connects, and tells the hub of it.
    pub(crate) async fn connect(client: &Client, hub: &'a Hub) -> Result<Self, SessionError> {
        let connect = async {
            // Each command has a timeout of its own.
            let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
            let ((waiting, run, _), (asking, asking_run, clock)) =
                tokio::try_join!(open(client, &config, hub), open(client, &config, hub))?;
            if run != asking_run {
                return Err(SessionError::Moved);
            }
            hub.connect(asking.clone(), clock);
            Ok(Self { hub, waiting, asking, run: run.into() })
        };
        time::timeout(CONNECT_TIMEOUT, connect).await?
    }

    /// Follows and publishes until a connection fails.
    pub(crate) async fn run(self, progress: Arc<Mutex<Progress>>) -> SessionError {
        let ended = tokio::select! {
            ended = self.follow(progress) => ended,
            ended = self.publish_all() => ended,
            ended = self.check_doubts() => ended,
        };
        match ended {
            Err(error) => error,
        }
    }

    async fn check_doubts(&self) -> Result<Infallible, SessionError> {
        let mut connection = self.asking.clone();
        loop {
            self.hub.wait_for_doubt().await;
            self.within_poll(redis::cmd("PING").exec_async(&mut connection)).await?;
        }
    }

    /// A connection that takes longer is dead.
    async fn within_poll<T>(&self, answer: impl Future<Output = RedisResult<T>>) -> Result<T, SessionError> {
        Ok(time::timeout(self.hub.settings.poll_timeout(), answer).await??)
    }

    async fn follow(&self, progress: Arc<Mutex<Progress>>) -> Result<Infallible, SessionError> {
        let hub = self.hub;
        let listener = hub.listener().await;
        // The listener may still be busy with what the last session has heard.
        let mut progress = progress.lock_owned().await;
        let mut waits = false;
        let mut run_checked = LeaseTime::now();
        let mut trim = None;
        loop {
            hub.close_if_over();
            let after = progress.reader.after();
            let mut sent = LeaseTime::now();
            let asks_run = sent.since(run_checked) >= hub.settings.poll_interval() || waits;
            let call = Call::poll(&hub.settings, after, trim.take(), asks_run);
            let answer = if waits {
                tokio::select! {
                    answer = self.within_poll(self.wait_and_poll(after, &call)) => answer?,
                    () = hub.wait_for_poll() => {
                        sent = LeaseTime::now();
                        self.within_poll(call.run(&mut self.asking.clone())).await?
                    }
                }
            } else {
                self.within_poll(call.run(&mut self.asking.clone())).await?
            };
            let polled = Polled::parse(answer)?;
            hub.learn_time(server_clock(hub, sent, polled.server_time));
            if asks_run {
                if polled.run.as_deref() != Some(&*self.run) {
                    return Err(SessionError::Moved);
                }
                run_checked = sent;
            }
            let Polled { log, seen, .. } = polled;
            let is_broken = log.head.as_ref().is_some_and(|head| hub.is_broken(head.epoch));
            let next;
            (progress, next) = if is_broken {
                let next = progress.reader.distrust();
                (progress, next)
            } else {
                self.read(progress, log, listener).await?
            };
            waits = next == Next::UpToDate;
            if waits {
                listener.prove(sent);
                trim = self.enter(&mut progress);
            } else {
                hub.leave();
            }
            if next == Next::BeginEpoch {
                let begin = Call::begin(&hub.settings, &seen, random(), &self.run, random());
                self.within_poll(begin.run(&mut self.asking.clone())).await?;
            }
        }
    }

    /// Tells the listener what is new. That runs code of users, which may wait for what this thread does: so on another one.
    async fn read(
        &self,
        mut progress: OwnedMutexGuard<Progress>,
        log: Answer,
        listener: &Arc<dyn Listener>,
    ) -> Result<(OwnedMutexGuard<Progress>, Next), SessionError> {
        if progress.reader.knows(&log) {
            let next = progress.reader.read(log, &self.run, &**listener);
            return Ok((progress, next));
        }
        let (run, listener) = (self.run.clone(), listener.clone());
        let read = move || {
            let next = progress.reader.read(log, &run, &*listener);
            (progress, next)
        };
        task::spawn_blocking(read).await.map_err(|_| SessionError::Over)
    }

    /// The log may be published to. Returns what is too old in it.
    fn enter(&self, progress: &mut Progress) -> Option<(u64, u64)> {
        let Progress { reader, ages } = progress;
        let epoch = reader.epoch()?;
        self.hub.enter(epoch);
        ages.mark(self.hub.now(), epoch, reader.after())
    }

    /// Waits for a record after an id, for the interval of polls at most, and polls in the same message.
    async fn wait_and_poll(&self, after: u64, call: &Call) -> RedisResult<Value> {
        let settings = &self.hub.settings;
        let mut connection = self.waiting.clone();
        let mut wait = redis::cmd("XREAD");
        wait.arg("BLOCK")
            .arg(u64::try_from(settings.poll_interval().as_millis()).unwrap_or(u64::MAX))
            .arg(&["COUNT", "1", "STREAMS"])
            .arg(settings.log_key())
            .arg(format!("{after}-0"));
        let answers = run_all(&mut connection, [wait, call.by_hash()]).await?;
        let [waited, polled] = <[_; 2]>::try_from(answers).map_err(|_| unexpected("a pipeline lacks answers"))?;
        // What it has read is not of interest: it may be outdated already.
        waited?;
        match polled {
            Err(error) if scripts::is_unknown_script(&error) => call.by_text().query_async(&mut connection).await,
            answer => answer,
        }
    }

    async fn publish_all(&self) -> Result<Infallible, SessionError> {
        loop {
            let batch = self.hub.next_batch().await;
            self.publish(batch).await?;
        }
    }

    async fn publish(&self, mut batch: Batch<'_>) -> Result<(), SessionError> {
        let settings = &self.hub.settings;
        let epoch = batch.epoch;
        let calls: Vec<_> =
            batch.items.iter().map(|item| Call::publish(settings, epoch, &self.run, random(), &item.record)).collect();
        let mut connection = self.asking.clone();
        // Its callers do not wait for as long, but a batch that is sent twice makes a slow server slower.
        let answers = time::timeout(settings.max_lag, async {
            let mut answers = run_all(&mut connection, calls.iter().map(Call::by_hash)).await?;
            let is_unknown = |answer: &RedisResult<_>| answer.as_ref().is_err_and(scripts::is_unknown_script);
            if answers.iter().all(is_unknown) {
                answers = run_all(&mut connection, calls.iter().map(Call::by_text)).await?;
            }
            RedisResult::Ok(answers)
        })
        .await??;
        let mut failure = Ok(());
        let items = std::mem::take(&mut batch.items);
        for (item, answer) in items.into_iter().zip(answers) {
            match answer.and_then(|answer| Ok(redis::from_redis_value::<i64>(answer)?)) {
                Ok(id @ 1..) => {
                    self.hub.published(item, LogPosition { epoch, id: id.unsigned_abs() });
                    continue;
                }
                Ok(code) => self.hub.refused(epoch, code < 0),
                Err(error) => failure = Err(error.into()),
            }
            batch.items.push(item);
        }
        failure
    }
}

/// Connects, and asks who answers.
async fn open(
    client: &Client,
    config: &AsyncConnectionConfig,
    hub: &Hub,
) -> Result<(MultiplexedConnection, String, ServerClock), SessionError> {
    let mut connection = client.get_multiplexed_async_connection_with_config(config).await?;
    let sent = LeaseTime::now();
    let mut info = redis::cmd("INFO");
    info.arg("server");
    let answers = run_all(&mut connection, [info, redis::cmd("TIME")]).await?;
    let [info, time] = <[_; 2]>::try_from(answers).map_err(|_| unexpected("a pipeline lacks answers"))?;
    let info: String = redis::from_redis_value(info?).map_err(RedisError::from)?;
    let (seconds, micros): (u64, u64) = redis::from_redis_value(time?).map_err(RedisError::from)?;
    let clock = server_clock(hub, sent, seconds * 1_000_000 + micros);
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let version = field("redis_version").ok_or_else(|| unexpected("it does not tell its version"))?;
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < 7) {
        return Err(SessionError::Version(version.to_owned()));
    }
    let run = field("run_id").ok_or_else(|| unexpected("it does not tell its `run_id`"))?.to_owned();
    Ok((connection, run, clock))
}

async fn run_all(
    connection: &mut MultiplexedConnection,
    commands: impl IntoIterator<Item = Cmd>,
) -> RedisResult<Vec<RedisResult<Value>>> {
    let mut pipeline = redis::pipe();
    pipeline.ignore_errors();
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline.query_async(connection).await
}

fn server_clock(hub: &Hub, sent: LeaseTime, server_time: u64) -> ServerClock {
    ServerClock::new(hub.time(sent), hub.now(), Duration::from_micros(server_time))
}

fn unexpected(what: &'static str) -> RedisError {
    RedisError::from((ErrorKind::UnexpectedReturnType, what))
}

/// From the keys of a hasher: the standard library takes them from the operating system.
fn random() -> u64 {
    RandomState::new().build_hasher().finish().max(1)
}
