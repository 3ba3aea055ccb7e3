//! An outage of the database, switched on and off.

use std::{
    io::ErrorKind,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::time::sleep;

/// A switch that makes each call of a database fail, after a delay as of a connection that is refused.
///
/// ```
/// # use library_demo::{DbError, MusicRepository, Outage, SqliteRepository, TrackId};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::{sync::Arc, time::Duration};
/// use cache_core::Cache;
///
/// # let folder = tempfile::TempDir::new()?;
/// # let path = folder.path().join("library.db");
/// let outage = Arc::new(Outage::new(Duration::from_millis(1)));
/// let library = SqliteRepository::open_with_outage(&path, Cache::new(), outage.clone()).await?;
///
/// outage.begin();
/// assert!(library.get_track(TrackId(1)).await.is_err_and(|error| error.is_outage()));
/// outage.end();
/// assert_eq!(library.get_track(TrackId(1)).await?, None);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Outage {
    delay: Duration,
    is_on: AtomicBool,
}

impl Outage {
    /// Off at first.
    pub fn new(delay: Duration) -> Self {
        Self { delay, is_on: AtomicBool::new(false) }
    }

    /// From now on, calls that ask for a connection fail.
    pub fn begin(&self) {
        self.is_on.store(true, Ordering::SeqCst);
    }

    /// From now on, calls get connections again; those that wait for the delay still fail.
    pub fn end(&self) {
        self.is_on.store(false, Ordering::SeqCst);
    }

    /// Whether calls fail.
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::SeqCst)
    }

    pub(super) async fn check(&self) -> sqlx::Result<()> {
        if !self.is_on() {
            return Ok(());
        }
        sleep(self.delay).await;
        Err(sqlx::Error::Io(ErrorKind::ConnectionRefused.into()))
    }
}
