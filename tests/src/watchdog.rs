//! Ends the process when a test hangs, and prints its state.

use std::io::{self, Write};
use std::process;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// The state itself may wait for what hangs.
const STATE_LIMIT: Duration = Duration::from_secs(5);

/// The exit code of a process that the watchdog ended.
pub const EXIT_CODE: i32 = 99;

/// Ends the process with [`EXIT_CODE`], unless the guard is dropped within `limit`. What `state` returns is
/// printed first; if it takes more than 5 seconds, the process ends without.
///
/// ```
/// use std::time::Duration;
///
/// let _guard = cache_tests::watchdog::guard(Duration::from_secs(30), || "counting".into());
/// assert_eq!((1..=4).sum::<i32>(), 10);
/// ```
#[must_use = "a guard that is dropped at once guards nothing"]
pub fn guard(limit: Duration, state: impl FnOnce() -> String + Send + 'static) -> Guard {
    watch(limit, move || {
        let state = in_time(STATE_LIMIT, state).unwrap_or_else(|| "the state is not available".into());
        // Not `eprintln!`: a test harness captures its output, and loses it when the process ends.
        let _ = writeln!(io::stderr(), "watchdog: not over after {limit:?}\n{state}");
        process::exit(EXIT_CODE);
    })
}

/// Stops the watchdog when it is dropped.
#[derive(Debug)]
pub struct Guard {
    /// Closes the channel when it is dropped.
    _sender: mpsc::Sender<()>,
}

fn watch(limit: Duration, on_timeout: impl FnOnce() + Send + 'static) -> Guard {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        if receiver.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            on_timeout();
        }
    });
    Guard { _sender: sender }
}

pub(crate) fn in_time<R: Send + 'static>(limit: Duration, make: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(make()));
    receiver.recv_timeout(limit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(5);
    const LATE: Duration = Duration::from_secs(60);

    #[test]
    fn it_ends_the_process_after_the_limit() {
        let (sender, receiver) = mpsc::channel();
        let _guard = watch(SOON, move || sender.send(()).unwrap());
        assert_eq!(receiver.recv_timeout(LATE), Ok(()));
    }

    #[test]
    fn a_dropped_guard_stops_its_thread() {
        let (sender, receiver) = mpsc::channel();
        drop(watch(LATE, move || sender.send(()).unwrap()));
        assert_eq!(receiver.recv_timeout(LATE), Err(RecvTimeoutError::Disconnected), "the thread dropped its sender");
    }

    #[test]
    fn it_does_not_wait_for_a_state_that_hangs() {
        let (_never_sent, receiver) = mpsc::channel::<()>();
        assert_eq!(in_time(SOON, move || receiver.recv().is_ok()), None);
        assert_eq!(in_time(LATE, || 7), Some(7));
    }
}
