//! The same client, without a cache.

use redis::{AsyncCommands as _, Client, aio::MultiplexedConnection};
use redis_tests::Server;
use tokio::task::JoinHandle;

use crate::Outcome;

pub(crate) struct Bare(MultiplexedConnection, Client);

impl Bare {
    pub(crate) async fn connect(server: &Server) -> Outcome<Self> {
        let client = Client::open(server.url())?;
        Ok(Self(client.get_multiplexed_async_connection().await?, client))
    }

    pub(crate) async fn set_all(&self, keys: u64, bytes: usize) -> Outcome<()> {
        let mut connection = self.0.clone();
        for key in 0..keys {
            let () = connection.set(format!("bare:{key}"), "x".repeat(bytes)).await?;
        }
        Ok(())
    }

    pub(crate) async fn get_all(&self, keys: u64) {
        let mut connection = self.0.clone();
        for key in 0..keys {
            let value: Vec<u8> = connection.get(format!("bare:{key}")).await.expect("the server is up");
            assert!(!value.is_empty(), "it was set");
        }
    }

    /// A process that waits for records, until the task is aborted.
    pub(crate) fn read_all(&self) -> JoinHandle<()> {
        let client = self.1.clone();
        tokio::spawn(async move {
            let mut connection = client.get_multiplexed_async_connection().await.expect("the server is up");
            loop {
                let mut read = redis::cmd("XREAD");
                read.arg("BLOCK").arg(100).arg("STREAMS").arg("bare").arg("$");
                let _: redis::Value = read.query_async(&mut connection).await.expect("the server is up");
            }
        })
    }

    /// As long as a record of one key is.
    pub(crate) async fn append_all(&self, records: u64) {
        let mut connection = self.0.clone();
        for _ in 0..records {
            let _: String =
                connection.xadd("bare", "*", &[("record", "x".repeat(60))]).await.expect("the server is up");
        }
    }
}
