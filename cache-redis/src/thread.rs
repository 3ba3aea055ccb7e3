//! The thread that does all I/O of a tier.

use std::cell::Cell;
use std::future;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use redis::Client;
use tokio::runtime::{Builder, Handle};
use tokio::sync::Mutex;
use tokio::time;

use crate::error::ConnectError;
use crate::hub::Hub;
use crate::session::{Progress, Session, SessionError};
use crate::settings::Settings;

/// For how long a builder waits for a server.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between attempts to connect.
const MIN_DELAY: Duration = Duration::from_millis(10);
const MAX_DELAY: Duration = Duration::from_millis(500);

/// A session that held for as long was a good one: the next attempt follows at once.
const GOOD_SESSION: Duration = Duration::from_secs(1);

/// Tells a builder how it went.
pub(crate) type Report = Box<dyn FnOnce(Result<(), ConnectError>) + Send>;

/// What the handles of a tier have of its thread, which ends with them.
pub(crate) struct Worker {
    pub(crate) hub: Arc<Hub>,
    pub(crate) runtime: Handle,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.hub.close();
    }
}

pub(crate) fn start(client: Client, settings: Settings, report: Report) -> Result<Worker, ConnectError> {
    let hub = Arc::new(Hub::new(settings));
    let (started, runtime) = mpsc::channel();
    thread::Builder::new()
        .name("cache-redis".to_owned())
        .spawn({
            let hub = hub.clone();
            move || {
                let runtime = match Builder::new_current_thread().thread_name("cache-redis-log").enable_all().build() {
                    Ok(runtime) => runtime,
                    Err(error) => return drop(started.send(Err(error))),
                };
                drop(started.send(Ok(runtime.handle().clone())));
                runtime.block_on(work(&client, &hub, report));
                // A look-up of a name may still take its time.
                runtime.shutdown_background();
            }
        })
        .map_err(ConnectError::thread)?;
    let runtime =
        runtime.recv().map_err(std::io::Error::other).and_then(|started| started).map_err(ConnectError::thread)?;
    Ok(Worker { hub, runtime })
}

async fn work(client: &Client, hub: &Hub, report: Report) {
    let report = Cell::new(Some(report));
    let tell = |result| {
        if let Some(report) = report.take() {
            report(result);
        }
    };
    let give_up_waiting = async {
        time::sleep(PATIENCE).await;
        tell(Ok(()));
        future::pending::<()>().await;
    };
    tokio::select! {
        () = connect_again_and_again(client, hub, &tell) => {}
        () = give_up_waiting => {}
        () = hub.wait_until_over() => {}
    }
}

async fn connect_again_and_again(client: &Client, hub: &Hub, tell: &impl Fn(Result<(), ConnectError>)) {
    let progress = Arc::new(Mutex::new(Progress::new(hub.settings.max_entry_age)));
    let mut delay = Duration::ZERO;
    loop {
        let start = Instant::now();
        let error = attempt(client, hub, &progress, tell).await;
        if let Some(error) = error.for_builder() {
            tell(Err(error));
        }
        hub.disconnect(error.text());
        hub.close_if_over();
        if start.elapsed() >= GOOD_SESSION {
            delay = Duration::ZERO;
        }
        time::sleep(delay).await;
        delay = (delay * 2).clamp(MIN_DELAY, MAX_DELAY);
    }
}

async fn attempt(
    client: &Client,
    hub: &Hub,
    progress: &Arc<Mutex<Progress>>,
    tell: &impl Fn(Result<(), ConnectError>),
) -> SessionError {
    match Session::connect(client, hub).await {
        Ok(session) => {
            tell(Ok(()));
            session.run(progress.clone()).await
        }
        Err(error) => error,
    }
}
