//! Panics in user code.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A panic of user code must not stop what is in progress.
pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> std::thread::Result<R> {
    catch_unwind(AssertUnwindSafe(code))
}

/// Runs code whose panic goes no further.
pub(crate) fn contain(code: impl FnOnce()) {
    contain_or(code, |_| ());
}

/// Runs code whose panic goes no further. `panicked` is called with its message, which is empty if it is no text.
pub(crate) fn contain_or(code: impl FnOnce(), panicked: impl FnOnce(&str)) {
    if let Err(panic) = catch(code) {
        panicked(message(&*panic));
        // The panic hook has reported it. Its `Drop` might panic, too.
        std::mem::forget(panic);
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    match panic.downcast_ref::<&'static str>() {
        Some(text) => text,
        None => panic.downcast_ref::<String>().map_or("", String::as_str),
    }
}

#[cfg(test)]
mod tests {
    use std::panic::resume_unwind;

    use super::*;

    #[test]
    fn the_message_of_a_panic_is_its_text() {
        let message = |code: fn()| {
            let mut message = None;
            contain_or(code, |text| message = Some(text.to_owned()));
            message
        };
        assert_eq!(message(|| resume_unwind(Box::new("a literal"))).as_deref(), Some("a literal"));
        assert_eq!(message(|| resume_unwind(Box::new("a text".to_owned()))).as_deref(), Some("a text"));
        assert_eq!(message(|| resume_unwind(Box::new(7))).as_deref(), Some(""));
        assert_eq!(message(|| ()), None);
    }
}
