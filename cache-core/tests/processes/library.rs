//! The repository of the tests, in several processes on one database.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use cache_core::{Cache, HasCache, PublishError, cached_query, entry, invalidates};

/// A number for each row, which each write raises.
#[derive(Clone, Default)]
pub(crate) struct Database(Arc<[AtomicU64; 8]>);

impl Database {
    pub(crate) fn read(&self, row: usize) -> u64 {
        self.0[row].load(Ordering::SeqCst)
    }

    pub(crate) fn write(&self, row: usize) {
        self.0[row].fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) String);

impl From<PublishError> for Refused {
    fn from(error: PublishError) -> Self {
        Self(error.to_string())
    }
}

type Meanwhile = Option<Box<dyn FnOnce() + Send>>;

#[derive(Clone, HasCache)]
pub(crate) struct Library {
    pub(crate) database: Database,
    pub(crate) loads: Arc<AtomicU64>,
    pub(crate) cache: Cache,
    /// Runs in the next body.
    pub(crate) meanwhile: Arc<Mutex<Meanwhile>>,
}

impl Library {
    pub(crate) fn new(database: &Database, cache: Cache) -> Self {
        Self { database: database.clone(), loads: Arc::default(), cache, meanwhile: Arc::default() }
    }

    pub(crate) fn with(&self, cache: Cache) -> Self {
        Self { cache, ..self.clone() }
    }

    pub(crate) fn during_the_next_load(&self, run: impl FnOnce() + Send + 'static) {
        *self.meanwhile.lock().expect("nobody panics") = Some(Box::new(run));
    }

    pub(crate) fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }

    fn read(&self, row: usize) -> u64 {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let value = self.database.read(row);
        let meanwhile = self.meanwhile.lock().expect("nobody panics").take();
        if let Some(run) = meanwhile {
            run();
        }
        value
    }

    #[cached_query(ttl = "1h", shared)]
    pub(crate) fn track(&self, row: usize) -> u64 {
        self.read(row)
    }

    #[cached_query(ttl = "1h", shared, tags("row:{row}"))]
    pub(crate) fn tagged(&self, row: usize) -> u64 {
        self.read(row)
    }

    #[cached_query(ttl = "1h", shared)]
    pub(crate) fn sum(&self, rows: usize) -> u64 {
        (0..rows).map(|row| self.track(row)).sum()
    }

    /// Made from what is not shared.
    #[cached_query(ttl = "1h", shared)]
    pub(crate) fn sum_of_own(&self, rows: usize) -> u64 {
        (0..rows).map(|row| self.own(row)).sum()
    }

    /// Made from an answer that there is no entry.
    #[cached_query(ttl = "1h", shared)]
    pub(crate) fn if_cached(&self, row: usize) -> Option<u64> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        entry!(self.track(row)).get()
    }

    /// Made from the row itself, if there is no entry of it.
    #[cached_query(ttl = "1h", shared)]
    pub(crate) fn read_through(&self, row: usize) -> u64 {
        entry!(self.track(row)).get().unwrap_or_else(|| self.read(row))
    }

    #[cached_query(ttl = "1h")]
    pub(crate) fn own(&self, row: usize) -> u64 {
        self.read(row)
    }

    #[cached_query(ttl = "1h", shared)]
    pub(crate) async fn track_async(&self, row: usize) -> u64 {
        self.read(row)
    }

    #[invalidates(track(row), own(row))]
    pub(crate) fn write(&self, row: usize) {
        self.database.write(row);
    }

    #[invalidates(track(row), track_async(row))]
    pub(crate) async fn write_async(&self, row: usize) {
        self.database.write(row);
    }

    #[invalidates(tags("row:{row}"))]
    pub(crate) fn write_by_tag(&self, row: usize) {
        self.database.write(row);
    }

    #[invalidates(track)]
    pub(crate) fn write_by_name(&self, row: usize) {
        self.database.write(row);
    }

    #[invalidates(track(row), on_unreachable = "fail")]
    pub(crate) fn write_or_fail(&self, row: usize, during: impl FnOnce()) -> Result<(), Refused> {
        during();
        self.database.write(row);
        Ok(())
    }

    #[invalidates(tags("row:{row}"), on_unreachable = "fail")]
    pub(crate) fn write_by_tag_or_fail(&self, row: usize, during: impl FnOnce()) -> Result<(), Refused> {
        during();
        self.database.write(row);
        Ok(())
    }

    #[invalidates(track(row), tagged(row), on_unreachable = "fail")]
    pub(crate) fn write_both_or_fail(&self, row: usize) -> Result<(), Refused> {
        self.database.write(row);
        Ok(())
    }

    #[invalidates(track(row), on = "ok", on_unreachable = "fail")]
    pub(crate) fn fail_to_write(&self, row: usize, during: impl FnOnce()) -> Result<(), Refused> {
        let _ = row;
        during();
        Err(Refused("it is locked".into()))
    }
}
