//! What has happened last.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// The last `KEPT` of a kind. Clones are of one list.
pub(super) struct Recent<T, const KEPT: usize>(Arc<Mutex<VecDeque<(Instant, T)>>>);

impl<T, const KEPT: usize> Default for Recent<T, KEPT> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T, const KEPT: usize> Clone for Recent<T, KEPT> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T, const KEPT: usize> Recent<T, KEPT> {
    /// `make` gets the one before.
    pub(super) fn push(&self, make: impl FnOnce(Option<&T>) -> T) {
        let mut kept = self.0.lock();
        let new = make(kept.front().map(|(_, last)| last));
        kept.truncate(KEPT - 1);
        kept.push_front((Instant::now(), new));
    }

    /// The last first, each with the time since.
    pub(super) fn list<R>(&self, each: impl Fn(&T, Duration) -> R) -> Vec<R> {
        self.0.lock().iter().map(|(at, one)| each(one, at.elapsed())).collect()
    }
}
