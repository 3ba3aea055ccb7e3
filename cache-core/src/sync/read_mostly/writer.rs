//! The writers' side of a value.

use crossbeam_utils::CachePadded;

use crate::sync::read_mostly::stripe::{MAX_STRIPES, Stripe, Taken};
use crate::sync::{Arc, RwLockWriteGuard};

pub(crate) trait Replica: Clone {
    /// Retries of pinned stripes before the value is copied: for about as long as the copy takes.
    fn retries(&self) -> usize;
}

pub(crate) struct Current<T, S> {
    pub(crate) value: Arc<T>,
    /// Used by writers only.
    pub(crate) state: S,
}

pub(crate) struct Writer<'a, T: Replica, S> {
    current: RwLockWriteGuard<'a, Current<T, S>>,
    stripes: &'a [CachePadded<Stripe<T>>],
    /// The stripes that it has, once it writes to the value.
    taken: [Option<Taken<'a, T>>; MAX_STRIPES],
    is_writing: bool,
    /// Old values. Dropped last, after all locks are released.
    old: Vec<Arc<T>>,
}

impl<'a, T: Replica, S> Writer<'a, T, S> {
    pub(crate) fn new(current: RwLockWriteGuard<'a, Current<T, S>>, stripes: &'a [CachePadded<Stripe<T>>]) -> Self {
        Self { current, stripes, taken: [const { None }; MAX_STRIPES], is_writing: false, old: Vec::new() }
    }
}

impl<T: Replica, S> Writer<'_, T, S> {
    pub(crate) fn value(&self) -> &T {
        &self.current.value
    }

    pub(crate) fn state(&self) -> &S {
        &self.current.state
    }

    pub(crate) fn state_mut(&mut self) -> &mut S {
        &mut self.current.state
    }

    /// From here on no user code may run under this lock: stripes are taken.
    pub(crate) fn value_mut(&mut self) -> &mut T {
        if !self.is_writing {
            self.is_writing = true;
            self.take_stripes();
        }
        Arc::get_mut(&mut self.current.value).expect("all other references were taken, and none is made meanwhile")
    }

    #[inline(never)]
    fn take_stripes(&mut self) {
        let mut retries = if cfg!(shuttle) { 0 } else { self.current.value.retries() };
        for (stripe, slot) in self.stripes.iter().zip(&mut self.taken) {
            let Some(mut taken) = stripe.take(&mut retries) else { continue };
            if let Some(value) = taken.take()
                && !Arc::ptr_eq(&value, &self.current.value)
            {
                self.old.push(value);
            }
            *slot = Some(taken);
        }
        if Arc::get_mut(&mut self.current.value).is_none() {
            self.copy();
        }
    }

    #[cold]
    fn copy(&mut self) {
        let copy = Arc::new(T::clone(&self.current.value));
        self.old.push(std::mem::replace(&mut self.current.value, copy));
    }

    /// To be called before anything is written.
    pub(crate) fn check_invariants(&self) {
        for stripe in self.stripes {
            let value = stripe.value.read();
            let is_current = value.as_ref().is_some_and(|value| Arc::ptr_eq(value, &self.current.value));
            assert!(is_current || stripe.is_stale(), "a stripe is out of date");
        }
    }
}

impl<T: Replica, S> Drop for Writer<'_, T, S> {
    #[inline(never)]
    fn drop(&mut self) {
        if self.is_writing {
            for (stripe, taken) in self.stripes.iter().zip(&mut self.taken) {
                let Some(mut taken) = taken.take() else { continue };
                *taken = Some(self.current.value.clone());
                stripe.set_stale(false);
            }
            // Stripes that were pinned may be free by now.
            for stripe in self.stripes.iter().filter(|stripe| stripe.is_stale()) {
                if let Some(old) = stripe.renew(&self.current.value) {
                    self.old.push(old);
                }
            }
        }
    }
}
