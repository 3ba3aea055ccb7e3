//! How a tier is made.

use std::sync::mpsc;
use std::time::Duration;

use redis::{Client, IntoConnectionInfo, ProtocolVersion, RedisResult};
use tokio::sync::oneshot;

use crate::error::ConnectError;
use crate::settings::Settings;
use crate::thread;
use crate::tier::RedisTier;

/// Makes a [`RedisTier`]. [`RedisTier::builder`] begins one.
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisTierBuilder {
    url: String,
    settings: Settings,
}

impl RedisTier {
    /// Begins a tier on the server of a URL, as `redis://user:password@host:port/database`, or `rediss://` for TLS with the
    /// feature `tls`.
    pub fn builder(url: impl Into<String>) -> RedisTierBuilder {
        let settings = Settings {
            namespace: "cache".to_owned(),
            schema: "0".to_owned(),
            max_lag: Duration::from_millis(500),
            timeout: Duration::from_millis(50),
            max_entry_age: Duration::from_secs(600),
            max_records: 100_000,
            max_value_bytes: 1 << 20,
        };
        RedisTierBuilder { url: url.into(), settings }
    }
}

impl RedisTierBuilder {
    /// The caches with this name share values and invalidations: `cache`, unless set. Letters, digits, `.`, `_` and `-`.
    pub fn namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.settings.namespace);
        self
    }

    /// The version of the types of values: `0`, unless set. Releases of a program with different versions do not read each
    /// other's values, but hear each other's invalidations. Letters, digits, `.`, `_` and `-`.
    pub fn schema(mut self, schema: &str) -> Self {
        schema.clone_into(&mut self.settings.schema);
        self
    }

    /// How much later than its acknowledgement an invalidation may be heard of: 500 ms, unless set. After that time without
    /// an answer of the server, nothing is served from memory. Processes with different values may share a namespace.
    pub fn max_lag(mut self, max_lag: Duration) -> Self {
        self.settings.max_lag = max_lag;
        self
    }

    /// How long a caller waits for the server at most, each time: 50 ms, unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// For how long the log keeps its records, about: 10 minutes, unless set. A value that is older than the log cannot be
    /// taken from the second level.
    pub fn max_entry_age(mut self, max_entry_age: Duration) -> Self {
        self.settings.max_entry_age = max_entry_age;
        self
    }

    /// How many records the log keeps, about: 100,000, unless set.
    pub fn max_records(mut self, max_records: u64) -> Self {
        self.settings.max_records = max_records;
        self
    }

    /// The size of the largest value that is stored: 1 MiB, unless set. Larger ones stay in memory.
    pub fn max_value_bytes(mut self, max_value_bytes: usize) -> Self {
        self.settings.max_value_bytes = max_value_bytes;
        self
    }

    /// Connects, waiting for at most 2 seconds. If the server cannot be reached until then, the tier goes on trying. Any
    /// executor can poll the future.
    ///
    /// # Errors
    ///
    /// If waiting longer would not help: an option or the URL is wrong, what answers is no Redis of version 7.0 or later, or
    /// it refuses the user.
    pub async fn connect(self) -> Result<RedisTier, ConnectError> {
        let (report, outcome) = oneshot::channel();
        let tier = self.start(move |result| drop(report.send(result)))?;
        // Without a report the thread has ended: the operations of the tier say so.
        outcome.await.unwrap_or(Ok(())).map(|()| tier)
    }

    /// [`connect`](Self::connect), for code that is not async: it blocks the thread.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    pub fn connect_blocking(self) -> Result<RedisTier, ConnectError> {
        let (report, outcome) = mpsc::channel();
        let tier = self.start(move |result| drop(report.send(result)))?;
        outcome.recv().unwrap_or(Ok(())).map(|()| tier)
    }

    fn start(self, report: impl FnOnce(Result<(), ConnectError>) + Send + 'static) -> Result<RedisTier, ConnectError> {
        self.check()?;
        let client = client(self.url).map_err(ConnectError::url)?;
        thread::start(client, self.settings, Box::new(report)).map(RedisTier::new)
    }

    fn check(&self) -> Result<(), ConnectError> {
        for (name, text) in [("namespace", &self.settings.namespace), ("schema", &self.settings.schema)] {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            if text.is_empty() || !text.bytes().all(is_allowed) {
                return Err(ConnectError::option(name, "has to be of letters, digits, `.`, `_` and `-`"));
            }
        }
        // A lease ends a tick of 16 ms early, and is proved five times in its span.
        if self.settings.max_lag < Duration::from_millis(50) {
            return Err(ConnectError::option("maximal lag", "has to be at least 50 milliseconds"));
        }
        if self.settings.timeout < Duration::from_millis(1) {
            return Err(ConnectError::option("timeout", "has to be at least a millisecond"));
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }
}

fn client(url: String) -> RedisResult<Client> {
    // One that the program has installed stays.
    #[cfg(feature = "tls")]
    drop(rustls::crypto::ring::default_provider().install_default());
    let info = url.into_connection_info()?;
    // To tell a name is one more command that a user must be allowed to run. RESP3 begins with a greeting, to which what is
    // no Redis gives no answer that could be read.
    let redis = info.redis_settings().clone().set_skip_set_lib_name().set_protocol(ProtocolVersion::RESP3);
    Client::open(info.set_redis_settings(redis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(builder: RedisTierBuilder) -> String {
        builder.connect_blocking().unwrap_err().to_string()
    }

    #[test]
    fn an_option_that_cannot_be_is_an_error_that_names_the_remedy() {
        let builder = RedisTier::builder("redis://localhost");
        for namespace in ["", "{a}", "a b", "a:b", "é"] {
            let error = error(builder.clone().namespace(namespace));
            assert!(error.contains("namespace") && error.contains("letters"), "{error}");
        }
        assert!(error(builder.clone().schema("1:2")).contains("schema"));
        assert!(error(builder.clone().max_lag(Duration::ZERO)).contains("lag"));
        assert!(error(builder.timeout(Duration::ZERO)).contains("timeout"));
    }

    #[test]
    fn a_url_that_cannot_be_is_an_error_that_names_the_remedy() {
        for url in ["", "localhost:6379", "http://localhost"] {
            let error = error(RedisTier::builder(url));
            assert!(error.contains("redis://user:password@host:port/database"), "{error}");
        }
    }
}
