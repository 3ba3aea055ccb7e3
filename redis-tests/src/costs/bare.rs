//! The same client, without a cache.

use redis::{AsyncCommands as _, aio::MultiplexedConnection};
use redis_tests::Server;

use crate::Outcome;

pub(crate) struct Bare(MultiplexedConnection);

impl Bare {
    pub(crate) async fn connect(server: &Server) -> Outcome<Self> {
        let client = redis::Client::open(server.url())?;
        Ok(Self(client.get_multiplexed_async_connection().await?))
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

    /// As long as a record of one key is.
    pub(crate) async fn append_all(&self, records: u64) {
        let mut connection = self.0.clone();
        for _ in 0..records {
            let _: String =
                connection.xadd("bare", "*", &[("record", "x".repeat(60))]).await.expect("the server is up");
        }
    }
}
