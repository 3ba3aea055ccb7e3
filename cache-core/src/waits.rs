//! Who waits for whom: a body must not wait for a load that waits, at last, for the body itself.
//!
//! A thread that runs the body of a load may ask for another key, and wait for another thread that loads it.
//! If that thread, or one further on, waits for a load whose body this thread is in the middle of, nobody
//! would ever go on. So before it waits, a thread follows the chain from the load that it wants, and if the
//! chain comes back to it, it doesn't wait.
//!
//! Loads are followed, not threads: so the chains of different caches are one, and a future that is polled
//! by one thread now and by another later is no different from a function. The body of such a load is run
//! each time that it is polled; in between its thread is in other bodies.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Mutex as StdMutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sync::thread_local;

/// A load of this process. Of two, the one that began later has the higher number.
pub(crate) type LoadId = u64;

/// The number of a load that begins now.
pub(crate) fn next_load() -> LoadId {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

thread_local! {
    /// The loads whose bodies this thread is in, the innermost last.
    static RUNNING: RefCell<Vec<LoadId>> = const { RefCell::new(Vec::new()) };
}

/// This thread is in the body of a load for as long as the value lives.
pub(crate) struct Running(());

impl Running {
    pub(crate) fn enter(load: LoadId) -> Self {
        with_running(|running| running.push(load));
        Self(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        with_running(Vec::pop);
    }
}

/// `None` on a thread that is ending and has dropped its list, while other destructors of its still use caches.
fn with_running<R>(with: impl FnOnce(&mut Vec<LoadId>) -> R) -> Option<R> {
    RUNNING.try_with(|running| with(&mut running.borrow_mut())).ok()
}

/// For each load whose body waits, what it waits for. A load without an entry is computing.
///
/// Only those that wait from within a body are here, so it is small and seldom touched. Nothing is called
/// under its lock: it is no place where a model could switch, and `std`'s in models too.
static WAITING: StdMutex<Option<HashMap<LoadId, Vec<LoadId>>>> = StdMutex::new(None);

fn waiting<R>(with: impl FnOnce(&mut HashMap<LoadId, Vec<LoadId>>) -> R) -> R {
    with(WAITING.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

/// The bodies that this thread is in wait for a load for as long as the value lives.
pub(crate) struct Wait {
    waiters: Vec<LoadId>,
    load: LoadId,
}

impl Wait {
    /// Takes note that this thread is to wait for a load. `None` if it would be for ever, or if it isn't known
    /// which bodies this thread is in.
    pub(crate) fn begin(load: LoadId) -> Option<Self> {
        let waiters = with_running(|running| running.clone())?;
        if !waiters.is_empty() {
            // One lock for both: of two that would close a circle, the second sees the first.
            waiting(|waiting| {
                if leads_to(waiting, load, &waiters) {
                    return None;
                }
                for &waiter in &waiters {
                    waiting.entry(waiter).or_default().push(load);
                }
                Some(())
            })?;
        }
        Some(Self { waiters, load })
    }

    /// Whether this thread is in the same bodies as the one on which the wait began. A future that waits may have
    /// been given to another body meanwhile, or have left the one that it began in.
    pub(crate) fn is_of_this_thread(&self) -> bool {
        with_running(|running| *running == self.waiters).unwrap_or_default()
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.waiters.is_empty() {
            return;
        }
        waiting(|waiting| {
            for waiter in &self.waiters {
                let Some(loads) = waiting.get_mut(waiter) else { continue };
                // Once: one body may wait for a load in two places at a time.
                if let Some(found) = loads.iter().position(|load| *load == self.load) {
                    loads.swap_remove(found);
                }
                if loads.is_empty() {
                    waiting.remove(waiter);
                }
            }
        });
    }
}

/// Whether one who waits for `load` waits for one of `targets`.
fn leads_to(waiting: &HashMap<LoadId, Vec<LoadId>>, load: LoadId, targets: &[LoadId]) -> bool {
    let mut reached = vec![load];
    let mut next = 0;
    while let Some(&load) = reached.get(next) {
        if targets.contains(&load) {
            return true;
        }
        for &load in waiting.get(&load).into_iter().flatten() {
            if !reached.contains(&load) {
                reached.push(load);
            }
        }
        next += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs as if on a thread that is in these bodies.
    fn within<R>(bodies: &[LoadId], run: impl FnOnce() -> R) -> R {
        let _running: Vec<_> = bodies.iter().map(|&body| Running::enter(body)).collect();
        run()
    }

    fn waits_for(load: LoadId) -> bool {
        waiting(|waiting| waiting.contains_key(&load))
    }

    #[test]
    fn p6_a_body_does_not_wait_for_itself_or_for_what_it_is_part_of() {
        let [outer, inner, other] = std::array::from_fn(|_| next_load());
        within(&[outer, inner], || {
            assert!(Wait::begin(inner).is_none() && Wait::begin(outer).is_none());
            assert!(Wait::begin(other).is_some());
        });
        assert!(Wait::begin(inner).is_some(), "the bodies have ended");
    }

    #[test]
    fn p6_a_circle_is_closed_by_nobody() {
        let [a, in_a, b, c] = std::array::from_fn(|_| next_load());
        let a_waits = within(&[a, in_a], || Wait::begin(b)).expect("nobody waits yet");
        let b_waits = within(&[b], || Wait::begin(c)).expect("`c` waits for nobody");
        within(&[c], || {
            assert!(Wait::begin(a).is_none(), "`a` waits for `b`, and `b` for `c`");
            assert!(Wait::begin(in_a).is_none() && Wait::begin(b).is_none());
        });
        drop(b_waits);
        assert!(within(&[c], || Wait::begin(a)).is_some(), "`b` goes on");
        drop(a_waits);
        assert!(![a, in_a, b, c].into_iter().any(waits_for), "what no longer waits is forgotten");
    }

    #[test]
    fn p6_a_body_may_wait_for_several_loads_and_twice_for_one() {
        let [a, b, c] = std::array::from_fn(|_| next_load());
        let [first, again, other] = within(&[a], || [b, b, c].map(|load| Wait::begin(load).expect("no circle")));
        drop(first);
        assert!(within(&[b], || Wait::begin(a)).is_none(), "it still waits for `b`");
        drop(again);
        assert!(within(&[b], || Wait::begin(a)).is_some());
        assert!(within(&[c], || Wait::begin(a)).is_none());
        drop(other);
        assert!(!waits_for(a));
    }

    #[test]
    fn p6_a_wait_is_that_of_the_bodies_in_which_it_began() {
        let [a, b, load] = std::array::from_fn(|_| next_load());
        let wait = within(&[a, b], || Wait::begin(load)).expect("nobody waits yet");
        assert!(within(&[a, b], || wait.is_of_this_thread()));
        assert!(![&[a][..], &[a, b, load], &[]].into_iter().any(|bodies| within(bodies, || wait.is_of_this_thread())));
        let outside = Wait::begin(load).expect("there is no circle without a body");
        assert!(outside.is_of_this_thread() && !within(&[a], || outside.is_of_this_thread()));
    }

    #[test]
    fn who_is_in_no_body_waits_without_a_trace() {
        let load = next_load();
        let wait = Wait::begin(load).expect("there is no circle without a body");
        assert!(wait.waiters.is_empty());
        assert!(within(&[load], || Wait::begin(next_load())).is_some());
    }
}
