//! Few transactions of the load that `--bin transactions` runs.

use std::time::Duration;

use cache_tests::transactions::{Driver, Load, Mode, Report, run};
use cache_tests::watchdog;
use indicatif::ProgressBar;

const WINDOWS: u32 = 10;

fn report(driver: Driver, mode: Mode, at_once: u64) -> Report {
    let _guard = watchdog::guard(Duration::from_secs(120), move || format!("{driver:?}, {mode:?}"));
    run(Load { driver, mode, at_once, windows: WINDOWS, seed: 1 }, &ProgressBar::hidden())
}

fn check(driver: Driver) {
    let right = report(driver, Mode::Handle, 500);
    assert!(right.is_right() && right.hits > 100, "{right:?}");
    assert!(right.rolled_back > 0 && right.dropped > 0 && right.savepoints > 0, "{right:?}");
    // Of each that is committed, the read after its end.
    let stale = report(driver, Mode::WritesOutside, 0);
    assert_eq!((stale.stale, stale.dirty), (5, 0), "{stale:?}");
    // Of each, the read before its end; and of each that is rolled back, the one after it, too.
    let dirty = report(driver, Mode::ReadsOutside, 0);
    assert_eq!((dirty.stale, dirty.dirty), (0, 15), "{dirty:?}");
}

#[test]
fn p17_only_without_the_handle_of_a_transaction_answers_are_wrong_with_rusqlite() {
    check(Driver::Rusqlite);
}

#[test]
fn p17_only_without_the_handle_of_a_transaction_answers_are_wrong_with_sqlx() {
    check(Driver::Sqlx);
}
