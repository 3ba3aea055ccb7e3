//! What a tier was built with.

use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) namespace: String,
    pub(crate) schema: String,
    pub(crate) max_lag: Duration,
    pub(crate) timeout: Duration,
    pub(crate) max_entry_age: Duration,
    pub(crate) max_records: u64,
    pub(crate) max_value_bytes: usize,
}

impl Settings {
    /// In braces: a cluster hashes nothing else, so the head and the log are on one server.
    pub(crate) fn head_key(&self) -> String {
        format!("{{{}}}:head", self.namespace)
    }

    pub(crate) fn log_key(&self) -> String {
        format!("{{{}}}:log", self.namespace)
    }

    pub(crate) fn value_key(&self, key: &[u8]) -> Vec<u8> {
        [self.namespace.as_bytes(), b":", self.schema.as_bytes(), b":", key].concat()
    }

    /// How long a poll waits for a record.
    pub(crate) fn poll_interval(&self) -> Duration {
        // Redis counts milliseconds, and 0 would be for ever.
        (self.max_lag / 5).max(Duration::from_millis(1))
    }

    /// When a connection counts as dead that does not answer a poll. The answer would prove little then.
    pub(crate) fn poll_timeout(&self) -> Duration {
        // The connection may still be waiting for the record of the poll before.
        (3 * self.poll_interval() + self.timeout).min(self.max_lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RedisTier;

    #[test]
    fn keys() {
        let builder = RedisTier::builder("redis://localhost").namespace("shop").schema("v2");
        let settings = builder.settings();
        assert_eq!(settings.head_key(), "{shop}:head");
        assert_eq!(settings.log_key(), "{shop}:log");
        assert_eq!(settings.value_key(b"\x00key"), b"shop:v2:\x00key");
    }

    #[test]
    fn a_poll_takes_less_than_the_lag() {
        for (max_lag, interval, timeout) in [(500, 100, 350), (100, 20, 100), (1, 1, 1)] {
            let builder = RedisTier::builder("redis://localhost").max_lag(Duration::from_millis(max_lag));
            let settings = builder.settings();
            assert_eq!(settings.poll_interval(), Duration::from_millis(interval));
            assert_eq!(settings.poll_timeout(), Duration::from_millis(timeout), "{max_lag}");
        }
    }
}
