//! Knows every write, and checks each answer against them.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    time::Duration,
};

use crate::world::{MAX_LAG, ROWS, nanos};

/// For how long what was said is kept. No report is later than this.
const KEPT: Duration = Duration::from_mins(1);

const MOST_FAULTS: usize = 1000;

/// More tell no more.
const MOST_PRINTED: u64 = 20;

/// An answer shows a counter as it was after some write. It is too old if a later write of that row was acknowledged more
/// than [`MAX_LAG`] before the call.
pub(crate) struct Oracle {
    rows: Vec<History>,
    /// What was done to the servers, networks and processes, and when.
    faults: VecDeque<(u64, String)>,
    pub(crate) violations: u64,
    pub(crate) checked: u64,
}

/// Of one row, by counter.
#[derive(Default)]
struct History {
    writes: BTreeMap<u64, Told>,
    /// The last call that showed it. Calls before are allowed more.
    answers: BTreeMap<u64, Told>,
}

#[derive(Clone, Debug)]
struct Told {
    /// When the write was acknowledged, or the call began.
    at: u64,
    by: String,
}

/// Milliseconds, by the clock of the machine.
struct Millis(u64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} ms", self.0 / 1_000_000, self.0 / 1000 % 1000)
    }
}

impl Oracle {
    pub(crate) fn new() -> Self {
        let rows = (0..ROWS).map(|_| History::default()).collect();
        Self { rows, faults: VecDeque::new(), violations: 0, checked: 0 }
    }

    pub(crate) fn violate(&mut self, words: &str) {
        if self.violations < MOST_PRINTED {
            println!("VIOLATION: {words}");
        }
        self.violations += 1;
    }

    pub(crate) fn note_fault(&mut self, at: u64, words: String) {
        self.faults.push_back((at, words));
        if self.faults.len() > MOST_FAULTS {
            self.faults.pop_front();
        }
    }

    /// A write was acknowledged, at the latest at a time. Only the first report counts.
    pub(crate) fn acknowledge(&mut self, row: u16, counter: u64, at: u64, by: String) {
        let history = &mut self.rows[usize::from(row)];
        history.writes.entry(counter).or_insert(Told { at, by });
        let shown: Vec<u64> = history.answers.range(..counter).map(|(&counter, _)| counter).collect();
        for shown in shown {
            self.check(row, shown);
        }
        self.rows[usize::from(row)].forget_before(at.saturating_sub(nanos(KEPT)));
    }

    /// A call that began at a time showed a counter.
    pub(crate) fn answer(&mut self, row: u16, counter: u64, start: u64, by: String) {
        self.checked += 1;
        let told = Told { at: start, by };
        let last = self.rows[usize::from(row)].answers.entry(counter).or_insert_with(|| told.clone());
        if last.at < start {
            *last = told;
        }
        self.check(row, counter);
    }

    fn check(&mut self, row: u16, counter: u64) {
        let history = &self.rows[usize::from(row)];
        let Some(answer) = history.answers.get(&counter) else { return };
        let is_too_late = |write: &Told| write.at + nanos(MAX_LAG) < answer.at;
        let Some((written, write)) = history.writes.range(counter + 1..).find(|(_, write)| is_too_late(write)) else {
            return;
        };
        let late = Millis(answer.at - write.at - nanos(MAX_LAG));
        let words = format!(
            "row {row} was shown as {counter} by {} {late} after it had to be {written}, written by {}\n{}",
            answer.by,
            write.by,
            self.trace(row, write.at.saturating_sub(2_000_000_000), answer.at)
        );
        // Once is enough.
        self.rows[usize::from(row)].answers.remove(&counter);
        self.violate(&words);
    }

    /// What was said of a row, and the faults, in a span of time.
    fn trace(&self, row: u16, from: u64, to: u64) -> String {
        let history = &self.rows[usize::from(row)];
        let mut lines: Vec<(u64, String)> = self.faults.iter().cloned().collect();
        let told = |what: &str, (counter, Told { at, by }): (&u64, &Told)| (*at, format!("{what} {counter} ({by})"));
        lines.extend(history.writes.iter().map(|write| told("acknowledged:", write)));
        lines.extend(history.answers.iter().map(|answer| told("last call that showed", answer)));
        lines.retain(|(at, _)| (from..=to).contains(at));
        lines.sort();
        let line = |(at, words): &(u64, String)| format!("    {:>14} {words}\n", Millis(at - from).to_string());
        lines.iter().map(line).collect()
    }
}

impl History {
    fn forget_before(&mut self, time: u64) {
        // The last write stays: it is what has to be shown.
        while self.writes.len() > 1 && self.writes.first_key_value().is_some_and(|(_, write)| write.at < time) {
            self.writes.pop_first();
        }
        while self.answers.first_key_value().is_some_and(|(_, answer)| answer.at < time) {
            self.answers.pop_first();
        }
    }
}
