//! A load on a real database: transactions that write, and readers that check each answer.
//!
//! Tracks of a shop are played, several in one transaction, on an `SQLite` file with a write-ahead log, with rusqlite on
//! threads or with sqlx in tasks. Each connection is one of its own, and all repositories share one cache. Some of the
//! transactions are rolled back, dropped, or roll a savepoint back.
//!
//! The plays of a track are counted, so that answers can be compared:
//!
//! - An answer is *stale* if it shows fewer plays than were committed, with the cache's transaction ended, before the read
//!   began.
//! - An answer is *dirty* if it shows what was never committed: the row of a track says whether its plays are a draft,
//!   which they are until the last statement before the commit; and no answer shows more plays than a commit has begun
//!   for.
//!
//! With the handle of [`Cache::transaction`](cache_core::Cache::transaction) there is none of either. [`Mode`] names the
//! two natural shapes without it. Each is given its window: before and after the end of a transaction a reader reads what
//! it has written.

mod oracle;
mod plan;
mod tasks;
mod threads;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_core::{Cache, CacheTransaction};
use indicatif::ProgressBar;
use oracle::Oracle;
use plan::{End, Plan};
use tempfile::TempDir;

/// How a unit of work reaches the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Through the handle of a transaction, as it should.
    Handle,
    /// Its writes are annotated, and go through the ordinary handle: they invalidate before the commit.
    WritesOutside,
    /// It reads on the connection of the transaction through the ordinary handle: uncommitted rows are cached.
    ReadsOutside,
}

/// The library that a database is used with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// rusqlite, on threads.
    Rusqlite,
    /// sqlx, in tasks.
    Sqlx,
}

/// A run.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The library.
    pub driver: Driver,
    /// What units of work do.
    pub mode: Mode,
    /// Transactions of writers that run at once, and of readers that read at random meanwhile.
    pub at_once: u64,
    /// Transactions that are read before and after their end, each on a row of its own.
    pub windows: u32,
    /// For random choices; how threads and tasks interleave still varies.
    pub seed: u64,
}

/// What a run has done and found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Transactions begun.
    pub transactions: u64,
    /// Transactions that were rolled back.
    pub rolled_back: u64,
    /// Transactions that were dropped.
    pub dropped: u64,
    /// Savepoints that were rolled back in transactions that were committed.
    pub savepoints: u64,
    /// Reads outside of units of work.
    pub reads: u64,
    /// Reads that were hits.
    pub hits: u64,
    /// Answers that were older than what was committed before the read began.
    pub stale: u64,
    /// Answers that were never committed.
    pub dirty: u64,
    /// Reads inside of units of work that did not show what these had written.
    pub unseen: u64,
}

impl Report {
    /// Whether each answer was right.
    pub fn is_right(&self) -> bool {
        (self.stale, self.dirty, self.unseen) == (0, 0, 0)
    }
}

/// Runs a load on a new file.
///
/// # Panics
///
/// If the database fails.
pub fn run(load: Load, progress: &ProgressBar) -> Report {
    progress.set_length(load.at_once + u64::from(load.windows));
    let world = World::new(load, progress.clone());
    match load.driver {
        Driver::Rusqlite => threads::run(&world),
        Driver::Sqlx => tasks::run(&world.into()),
    }
}

/// Threads or tasks that write, and as many that read.
const WORKERS: u64 = 2;
/// The tracks that are played by transactions at once. Few, so that they meet.
const TRACKS: u32 = 32;
/// A query by tag shows the tracks of one shelf.
const SHELVES: u32 = 4;

const SCHEMA: &str = "
    CREATE TABLE track (
        id    INTEGER PRIMARY KEY,
        shelf INTEGER NOT NULL,
        plays INTEGER NOT NULL DEFAULT 0,
        draft INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX track_by_shelf ON track (shelf);
";
const ADD: &str = "INSERT INTO track (id, shelf) VALUES (?1, ?2)";
const GET: &str = "SELECT id, plays, draft FROM track WHERE id = ?1";
const GET_SHELF: &str = "SELECT id, plays, draft FROM track WHERE shelf = ?1 ORDER BY id";
const GET_ALL: &str = "SELECT id, plays, draft FROM track ORDER BY id LIMIT ?1";
const PLAY: &str = "UPDATE track SET plays = plays + 1, draft = 1 WHERE id = ?1 RETURNING id, plays, draft";
/// The last statement before a commit. No reader of one track finds a row that is no draft and not committed.
const FINISH: &str = "UPDATE track SET draft = 0 WHERE id = ?1";

/// A row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Track {
    id: u32,
    plays: u32,
    is_draft: bool,
}

fn shelf_of(id: u32) -> u32 {
    id % SHELVES
}

fn shelf_tag(id: u32) -> String {
    format!("shelf:{}", shelf_of(id))
}

/// What a reader asks.
#[derive(Clone, Copy, Debug)]
enum Question {
    /// By key.
    Track(u32),
    /// By tag.
    Shelf(u32),
    /// By name.
    All,
    /// Of two cached answers.
    Pair(u32, u32),
}

impl Question {
    fn random(rng: &mut fastrand::Rng) -> Self {
        match rng.u32(..10) {
            0 => Self::All,
            1..=2 => Self::Shelf(rng.u32(..SHELVES)),
            3..=4 => Self::Pair(rng.u32(..TRACKS), rng.u32(..TRACKS)),
            _ => Self::Track(rng.u32(..TRACKS)),
        }
    }
}

/// What the workers of a run share.
struct World {
    load: Load,
    folder: TempDir,
    cache: Cache,
    oracle: Oracle,
    progress: ProgressBar,
    /// Transactions begun by workers at once.
    begun: AtomicU64,
    rolled_back: AtomicU64,
    dropped: AtomicU64,
    savepoints: AtomicU64,
}

impl World {
    fn new(load: Load, progress: ProgressBar) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let world = Self {
            load,
            folder,
            // Some futures of commits are dropped: what these have written is not stored for the grace.
            cache: Cache::builder().commit_grace(Duration::from_secs(1)).build(),
            oracle: Oracle::new(TRACKS.max(load.windows)),
            progress,
            begun: AtomicU64::new(0),
            rolled_back: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            savepoints: AtomicU64::new(0),
        };
        let connection = threads::connect(&world);
        connection.execute_batch(SCHEMA).expect("the schema is valid");
        let mut add = connection.prepare(ADD).expect("the statement is valid");
        for id in 0..TRACKS.max(load.windows) {
            add.execute((id, shelf_of(id))).expect("a track can be added");
        }
        world
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("shop.db")
    }

    /// The next transaction of a worker, or `None` if there were enough.
    fn next(&self, rng: &mut fastrand::Rng) -> Option<Plan> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        if number >= self.load.at_once {
            return None;
        }
        self.progress.inc(1);
        // Dropped commits are few: nothing that they may have written is stored for a second.
        let drops_commit = number % (self.load.at_once / 5).max(50) == 49;
        Some(Plan::random(rng, drops_commit))
    }

    fn are_writers_done(&self) -> bool {
        self.begun.load(Ordering::Relaxed) >= self.load.at_once
    }

    fn count(&self, end: End, rolls_savepoint_back: bool) {
        match end {
            End::Commit => {
                self.savepoints.fetch_add(rolls_savepoint_back.into(), Ordering::Relaxed);
            }
            End::RollBack => {
                self.rolled_back.fetch_add(1, Ordering::Relaxed);
            }
            End::Drop | End::DropCommit | End::DropWork(_) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The handle of writes in a transaction, and that of reads.
    fn handles(&self, transaction: &CacheTransaction) -> [Cache; 2] {
        let (inside, outside) = (transaction.cache(), self.cache.clone());
        match self.load.mode {
            Mode::Handle => [inside.clone(), inside],
            Mode::WritesOutside => [outside, inside],
            Mode::ReadsOutside => [inside, outside],
        }
    }

    fn report(&self) -> Report {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Report {
            transactions: self.load.at_once + u64::from(self.load.windows),
            rolled_back: count(&self.rolled_back),
            dropped: count(&self.dropped),
            savepoints: count(&self.savepoints),
            hits: self.cache.stats().hits,
            ..self.oracle.found()
        }
    }
}
