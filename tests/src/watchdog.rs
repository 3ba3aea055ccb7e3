//! Ends the process when what should be over by now is not: a test that hangs says nothing.

use std::io::{self, Write};
use std::process;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How long the state may take to be written: it may itself wait for what hangs.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The exit code of a process that was ended.
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
#[must_use = "dropped at once, it guards nothing"]
pub fn guard(limit: Duration, state: impl FnOnce() -> String + Send + 'static) -> Guard {
    watch(limit, move || {
        let state = in_time(LAST_WORDS, state).unwrap_or_else(|| "the state can't be had".into());
        // Not `eprintln!`, whose output a test harness keeps to itself when the process ends.
        let _ = writeln!(io::stderr(), "watchdog: not over after {limit:?}\n{state}");
        process::exit(EXIT_CODE);
    })
}

/// Keeps the watchdog quiet when it is dropped.
#[derive(Debug)]
pub struct Guard {
    /// Hangs up when dropped.
    _line: mpsc::Sender<()>,
}

fn watch(limit: Duration, bark: impl FnOnce() + Send + 'static) -> Guard {
    let (line, other_end) = mpsc::channel();
    thread::spawn(move || {
        if other_end.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            bark();
        }
    });
    Guard { _line: line }
}

/// What `make` returns, if it does in time.
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
    fn it_barks_once_the_time_is_up() {
        let (sender, barked) = mpsc::channel();
        let _guard = watch(SOON, move || sender.send(()).unwrap());
        assert_eq!(barked.recv_timeout(LATE), Ok(()));
    }

    #[test]
    fn it_is_quiet_and_gone_once_the_guard_is_dropped() {
        let (sender, barked) = mpsc::channel();
        drop(watch(LATE, move || sender.send(()).unwrap()));
        assert_eq!(barked.recv_timeout(LATE), Err(RecvTimeoutError::Disconnected), "the thread dropped its sender");
    }

    #[test]
    fn a_state_that_hangs_is_not_waited_for() {
        let (_never_sent, receiver) = mpsc::channel::<()>();
        assert_eq!(in_time(SOON, move || receiver.recv().is_ok()), None);
        assert_eq!(in_time(LATE, || 7), Some(7));
    }
}
