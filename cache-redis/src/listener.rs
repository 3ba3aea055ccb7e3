//! What a tier tells of the log.

use std::panic::{self, AssertUnwindSafe};

use cache_core::{Follower, LeaseTime, LogPosition, Restart};

/// What a [`Follower`] does, for tests of a tier without a cache.
#[doc(hidden)]
pub trait Listener: Send + Sync + 'static {
    fn restart(&self, position: LogPosition, why: Restart);
    /// Returns whether it was the next.
    fn hear(&self, position: LogPosition, record: &[u8]) -> bool;
    fn prove(&self, heard_until: LeaseTime);
    fn acknowledge(&self, token: u64, position: LogPosition);
    fn is_over(&self) -> bool;
}

/// The `Drop` of values and observers may panic, after all is done: the thread has more to do.
impl Listener for Follower {
    fn restart(&self, position: LogPosition, why: Restart) {
        contain((), || self.restart(position, why));
    }

    fn hear(&self, position: LogPosition, record: &[u8]) -> bool {
        contain(true, || self.hear(position, record) || self.is_over())
    }

    fn prove(&self, heard_until: LeaseTime) {
        contain((), || self.prove(heard_until));
    }

    fn acknowledge(&self, token: u64, position: LogPosition) {
        contain((), || self.acknowledge(token, position));
    }

    fn is_over(&self) -> bool {
        self.is_over()
    }
}

fn contain<T>(after_panic: T, call: impl FnOnce() -> T) -> T {
    panic::catch_unwind(AssertUnwindSafe(call)).unwrap_or(after_panic)
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

    /// What is not the next record, whatever its position.
    pub(crate) const REFUSED: &[u8] = b"refused";

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

        fn hear(&self, position: LogPosition, record: &[u8]) -> bool {
            self.0.lock().unwrap().push(Call::Hear(position, record.to_vec()));
            record != REFUSED
        }

        fn prove(&self, _heard_until: LeaseTime) {}

        fn acknowledge(&self, _token: u64, _position: LogPosition) {}

        fn is_over(&self) -> bool {
            false
        }
    }
}
