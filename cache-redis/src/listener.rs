//! What a tier tells of the log.

use cache_core::{Follower, LeaseTime, LogPosition, Restart};

/// What a [`Follower`] does, for tests of a tier without a cache.
#[doc(hidden)]
pub trait Listener: Send + Sync + 'static {
    fn restart(&self, position: LogPosition, why: Restart);
    fn hear(&self, position: LogPosition, record: &[u8]);
    fn prove(&self, heard_until: LeaseTime);
    fn acknowledge(&self, token: u64, position: LogPosition);
    fn is_over(&self) -> bool;
}

impl Listener for Follower {
    fn restart(&self, position: LogPosition, why: Restart) {
        self.restart(position, why);
    }

    fn hear(&self, position: LogPosition, record: &[u8]) {
        self.hear(position, record);
    }

    fn prove(&self, heard_until: LeaseTime) {
        self.prove(heard_until);
    }

    fn acknowledge(&self, token: u64, position: LogPosition) {
        self.acknowledge(token, position);
    }

    fn is_over(&self) -> bool {
        self.is_over()
    }
}

#[cfg(test)]
pub(crate) mod recording {
    use std::mem;
    use std::sync::Mutex;

    use cache_core::{LeaseTime, LogPosition, Restart};

    use super::Listener;

    #[derive(Clone, PartialEq, Eq, Debug)]
    pub(crate) enum Call {
        Restart(LogPosition, Restart),
        Hear(LogPosition, Vec<u8>),
    }

    /// Records what changes what the cache knows.
    #[derive(Debug, Default)]
    pub(crate) struct Recording(Mutex<Vec<Call>>);

    impl Recording {
        pub(crate) fn take(&self) -> Vec<Call> {
            mem::take(&mut *self.0.lock().unwrap())
        }
    }

    impl Listener for Recording {
        fn restart(&self, position: LogPosition, why: Restart) {
            self.0.lock().unwrap().push(Call::Restart(position, why));
        }

        fn hear(&self, position: LogPosition, record: &[u8]) {
            self.0.lock().unwrap().push(Call::Hear(position, record.to_vec()));
        }

        fn prove(&self, _heard_until: LeaseTime) {}

        fn acknowledge(&self, _token: u64, _position: LogPosition) {}

        fn is_over(&self) -> bool {
            false
        }
    }
}
