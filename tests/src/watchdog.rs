//! tmp
use std::sync::mpsc;
use std::time::Duration;
/// Guard
#[derive(Debug)]
#[must_use]
pub struct Guard(#[allow(dead_code)] mpsc::Sender<()>);
/// Ends the process unless the guard is dropped in time.
pub fn guard(limit: Duration, state: impl Fn() -> String + Send + 'static) -> Guard {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        if receive.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("hung: {}", state());
            std::process::exit(1);
        }
    });
    Guard(send)
}
