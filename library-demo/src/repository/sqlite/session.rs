//! Where statements go: to the pools, or inside of a transaction to its connection.

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::Arc,
};

use sqlx::{
    Error, Result, Sqlite, SqliteConnection, SqlitePool, Transaction,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{Mutex, MutexGuard};

use crate::repository::Outage;

/// Concurrent reads, each on a thread.
const READERS: u32 = 4;

pub(super) enum Connections {
    Pools {
        readers: SqlitePool,
        /// `SQLite` allows one writer. Tasks wait for this connection; with several, threads would block.
        writer: SqlitePool,
        outage: Option<Arc<Outage>>,
    },
    /// Of a repository inside of a transaction, whose calls take turns.
    Transaction(Mutex<Transaction<'static, Sqlite>>),
}

impl Connections {
    pub(super) async fn open(path: &Path, outage: Option<Arc<Outage>>) -> Result<Self> {
        let options = SqliteConnectOptions::new().filename(path).synchronous(SqliteSynchronous::Normal);
        let readers = SqlitePoolOptions::new().max_connections(READERS);
        let writer = SqlitePoolOptions::new().max_connections(1);
        Ok(Self::Pools {
            readers: readers.connect_with(options.clone().read_only(true)).await?,
            writer: writer.connect_with(options).await?,
            outage,
        })
    }

    pub(super) async fn close(&self) {
        if let Self::Pools { readers, writer, .. } = self {
            readers.close().await;
            writer.close().await;
        }
    }

    async fn check_outage(&self) -> Result<()> {
        match self {
            Self::Pools { outage: Some(outage), .. } => outage.check().await,
            Self::Pools { outage: None, .. } | Self::Transaction(_) => Ok(()),
        }
    }

    /// A connection for one read.
    pub(super) async fn reader(&self) -> Result<Session<'_>> {
        self.check_outage().await?;
        Ok(match self {
            Self::Pools { readers, .. } => Session::Reader(readers.acquire().await?),
            Self::Transaction(outer) => Session::Outer(outer.lock().await),
        })
    }

    /// A transaction for several reads of one state.
    pub(super) async fn snapshot(&self) -> Result<Session<'_>> {
        self.check_outage().await?;
        Ok(match self {
            Self::Pools { readers, .. } => Session::Own(readers.begin().await?),
            Self::Transaction(outer) => Session::Outer(outer.lock().await),
        })
    }

    /// A transaction for one write. Its own rolls back if dropped before the commit.
    pub(super) async fn begin(&self) -> Result<Session<'_>> {
        self.check_outage().await?;
        Ok(match self {
            Self::Pools { writer, .. } => Session::Own(begin(writer).await?),
            Self::Transaction(outer) => Session::Outer(outer.lock().await),
        })
    }

    /// A transaction for all calls of a repository. These do not nest.
    pub(super) async fn begin_unit_of_work(&self) -> Result<Self> {
        self.check_outage().await?;
        match self {
            Self::Pools { writer, .. } => Ok(Self::Transaction(Mutex::new(begin(writer).await?))),
            Self::Transaction(_) => Err(Error::BeginFailed),
        }
    }

    /// Commits a unit of work.
    pub(super) async fn commit(self) -> Result<()> {
        match self {
            Self::Pools { .. } => Ok(()),
            Self::Transaction(outer) => outer.into_inner().commit().await,
        }
    }

    /// Rolls a unit of work back.
    pub(super) async fn rollback(self) -> Result<()> {
        match self {
            Self::Pools { .. } => Ok(()),
            Self::Transaction(outer) => outer.into_inner().rollback().await,
        }
    }
}

/// What it reads stays true until it writes.
async fn begin(writer: &SqlitePool) -> Result<Transaction<'static, Sqlite>> {
    writer.begin_with("BEGIN IMMEDIATE").await
}

/// The connection of one call.
pub(super) enum Session<'a> {
    Reader(PoolConnection<Sqlite>),
    Own(Transaction<'static, Sqlite>),
    Outer(MutexGuard<'a, Transaction<'static, Sqlite>>),
}

impl Session<'_> {
    /// Commits its own transaction; whatever began the outer one commits that.
    pub(super) async fn commit(self) -> Result<()> {
        match self {
            Self::Own(transaction) => transaction.commit().await,
            Self::Reader(_) | Self::Outer(_) => Ok(()),
        }
    }
}

impl Deref for Session<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        match self {
            Self::Reader(connection) => connection,
            Self::Own(transaction) => transaction,
            Self::Outer(transaction) => transaction,
        }
    }
}

impl DerefMut for Session<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        match self {
            Self::Reader(connection) => connection,
            Self::Own(transaction) => transaction,
            Self::Outer(transaction) => transaction,
        }
    }
}
