//! Transactions of real databases: `SQLite` files with a write-ahead log, and a connection for each reader and writer.
#![forbid(unsafe_code)]

mod load;
mod rusqlite;
mod sqlx;

use std::path::PathBuf;
use std::time::Duration;

use cache_core::{Cache, ManualClock};
use tempfile::TempDir;

/// A file with tracks 1 and 2, which have no plays, and a cache.
struct World {
    clock: ManualClock,
    cache: Cache,
    folder: TempDir,
}

const GRACE: Duration = Duration::from_secs(7);

impl World {
    fn new() -> Self {
        let (clock, folder) = (ManualClock::new(), TempDir::new().unwrap());
        let cache = Cache::builder().clock(clock.clone()).commit_grace(GRACE).build();
        let world = Self { clock, cache, folder };
        let connection = ::rusqlite::Connection::open(world.file()).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL;
                 CREATE TABLE track (id INTEGER PRIMARY KEY, plays INTEGER NOT NULL DEFAULT 0) STRICT;
                 CREATE TABLE purchase (
                     track_id INTEGER NOT NULL REFERENCES track DEFERRABLE INITIALLY DEFERRED
                 ) STRICT;
                 INSERT INTO track (id) VALUES (1), (2);",
            )
            .unwrap();
        world
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("shop.db")
    }
}

const GET: &str = "SELECT plays FROM track WHERE id = ?1";
const PLAY: &str = "UPDATE track SET plays = plays + 1 WHERE id = ?1";
const PURCHASE: &str = "INSERT INTO purchase (track_id) VALUES (?1)";
