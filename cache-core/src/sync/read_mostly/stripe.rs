//! A stripe: one of the locks through which a value is read.

use crate::sync::{Arc, AtomicUsize, Ordering, RwLock, RwLockWriteGuard};

/// More would cost writers more than readers gain.
pub(crate) const MAX_STRIPES: usize = 8;

pub(crate) struct Stripe<T> {
    /// `None` only while a writer has the stripe.
    pub(crate) value: RwLock<Option<Arc<T>>>,
    /// Whether a writer waits for the stripe, or has left an old value in it.
    is_stale: AtomicUsize,
}

pub(crate) type Taken<'a, T> = RwLockWriteGuard<'a, Option<Arc<T>>>;

impl<T> Stripe<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self { value: RwLock::new(Some(value)), is_stale: AtomicUsize::new(0) }
    }

    #[inline]
    pub(crate) fn is_stale(&self) -> bool {
        self.is_stale.load(Ordering::Acquire) > 0
    }

    pub(crate) fn set_stale(&self, is_stale: bool) {
        self.is_stale.store(is_stale.into(), Ordering::Release);
    }

    /// If the stripe is pinned, marks it stale and retries, as long as there are `retries`.
    pub(crate) fn take(&self, retries: &mut usize) -> Option<Taken<'_, T>> {
        if let Some(taken) = self.value.try_write() {
            return Some(taken);
        }
        // From here on no new reader pins it.
        self.set_stale(true);
        while *retries > 0 {
            *retries -= 1;
            std::hint::spin_loop();
            if let Some(taken) = self.value.try_write() {
                return Some(taken);
            }
        }
        None
    }

    /// Brings the stripe up to date, unless it is pinned. Returns its old value.
    #[inline(never)]
    pub(crate) fn renew(&self, current: &Arc<T>) -> Option<Arc<T>> {
        let mut value = self.value.try_write()?;
        let old = value.replace(current.clone());
        self.set_stale(false);
        old
    }
}
