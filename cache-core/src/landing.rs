//! Where callers wait for a load that another has begun. Nothing here knows why they wait.

use crate::clock::Nanos;
use crate::sync::{Arc, Condvar, Mutex, OnceLock};

/// How a load ended, for those who waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Landed {
    /// With a value, which they may have.
    Shared,
    /// With a value that is not for them: they have to ask again, and not wait for ever.
    Refused,
    /// Without a value: they have to ask again.
    Failed,
}

pub(crate) struct Shared<V> {
    pub(crate) value: V,
    pub(crate) expires_at: Nanos,
}

pub(crate) struct Landing<V> {
    landed: Mutex<Option<Landed>>,
    changed: Condvar,
    /// Set before it has landed. Whoever waited clones it without a lock.
    value: OnceLock<Shared<V>>,
}

impl<V> Landing<V> {
    /// Blocks this thread until the load has ended.
    pub(crate) fn wait(&self) -> Landed {
        let mut landed = self.landed.lock();
        loop {
            if let Some(landed) = *landed {
                return landed;
            }
            self.changed.wait(&mut landed);
        }
    }

    /// The value, after a load that landed [`Shared`](Landed::Shared).
    pub(crate) fn shared(&self) -> Option<&Shared<V>> {
        self.value.get()
    }

    /// The first end is the end.
    fn land(&self, how: Landed) {
        self.landed.lock().get_or_insert(how);
        self.changed.notify_all();
    }
}

/// The duty to tell those who wait how a load ended. Whatever becomes of the load, nobody waits for ever:
/// dropped, this ends it without a value.
pub(crate) struct Duty<V>(Arc<Landing<V>>);

impl<V> Duty<V> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Landing { landed: Mutex::new(None), changed: Condvar::default(), value: OnceLock::new() }))
    }

    /// Where to wait.
    pub(crate) fn landing(&self) -> Arc<Landing<V>> {
        self.0.clone()
    }

    /// How many wait, or are about to.
    pub(crate) fn waiting(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }

    /// Ends the load with a value for all.
    pub(crate) fn share(self, value: V, expires_at: Nanos) {
        let set = self.0.value.set(Shared { value, expires_at });
        debug_assert!(set.is_ok(), "a load ends once");
        self.0.land(Landed::Shared);
    }

    pub(crate) fn refuse(self) {
        self.0.land(Landed::Refused);
    }
}

impl<V> Drop for Duty<V> {
    fn drop(&mut self) {
        self.0.land(Landed::Failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p5_however_a_load_ends_those_who_wait_are_told() {
        let end = |end: fn(Duty<u32>)| {
            let duty = Duty::new();
            let landing = duty.landing();
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| (landing.wait(), landing.shared().map(|shared| shared.value)));
                end(duty);
                waiter.join().unwrap()
            })
        };
        assert_eq!(end(|duty| duty.share(1, 0)), (Landed::Shared, Some(1)));
        assert_eq!(end(Duty::refuse), (Landed::Refused, None));
        assert_eq!(end(drop), (Landed::Failed, None));
    }
}
