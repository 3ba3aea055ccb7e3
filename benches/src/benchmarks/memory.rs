//! Memory per entry.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use indicatif::ProgressBar;

use super::filled;
use crate::programs;
use crate::progress::untimed;
use crate::results::{Bound, Effort, Figure, Goal, Results, Table};

/// The row, and the name that `memory-of` takes.
const CONTENDERS: [(&str, &str); 9] = [
    (OURS, "cache-core"),
    (OURS_TAGGED, "cache-core-tagged"),
    ("dashmap", "dashmap"),
    ("quick_cache", "quick_cache"),
    ("papaya", "papaya"),
    ("cached, concurrent, ttl", "cached"),
    ("foyer", "foyer"),
    ("mini-moka", "mini-moka"),
    ("moka", "moka"),
];

const OURS: &str = "cache-core";
const OURS_TAGGED: &str = "cache-core, a tag for each 100 entries";

const ENTRIES: u64 = 1_000_000;
/// Fits into a table of 2^20 slots, which 1,000,000 entries double.
const FITTING: u64 = 900_000;

const HEAP: &str = "heap";

const NOTES: [&str; 4] = [
    "1,000,000 entries u64 -> u64, in a cache with that capacity; each contender in a process of its own. Bytes are divided by the \
     entries that remain: sharded caches evict some before they are full.",
    "heap: bytes allocated and not freed; the goals use these. peak: the maximum of heap while tables grew. resident: the growth \
     of the process, including the allocator's overhead.",
    "heap, 900,000: hash tables grow by doubling, and one of 2^20 slots, filled to seven eighths, holds 917,504 entries. 1,000,000 \
     is unfavourable for all contenders with hash tables, 900,000 is favourable.",
    "cache-core, cached and moka can store a time to live per entry; dashmap and papaya are maps, which evict nothing.",
];

/// Counts bytes, which do not vary between rounds.
pub fn run(_: Effort, progress: &ProgressBar) -> Results {
    let mut table = Table {
        title: "Memory".into(),
        unit: "bytes per entry".into(),
        notes: NOTES.map(String::from).into(),
        figures: Vec::new(),
    };
    progress.set_length(2 * CONTENDERS.len() as u64);
    match untimed(progress, "build memory-of", || programs::built("memory-of")) {
        Ok(program) => filled(progress, || fill_all(&program, &mut table, progress)),
        Err(error) => table.notes.push(format!("Nothing was measured. {error}")),
    }
    let goals = goals(&table);
    Results { tables: vec![table], goals }
}

fn fill_all(program: &Path, table: &mut Table, progress: &ProgressBar) {
    for (contender, name) in CONTENDERS {
        for (entries, cases) in [
            (ENTRIES, &[(HEAP, "heap"), ("peak", "peak"), ("resident", "resident")][..]),
            (FITTING, &[("heap, 900,000", "heap")]),
        ] {
            match fill(program, name, entries) {
                Ok(output) => table.figures.extend(cases.iter().filter_map(|&(case, what)| {
                    let bytes = output.get(what)? / output.get("entries")?;
                    Some(Figure { contender: contender.into(), case: case.into(), samples: vec![bytes] })
                })),
                Err(error) => table.notes.push(format!("{contender} was not measured. {error}")),
            }
            progress.inc(1);
        }
    }
}

/// The contenders that are timed by [`time`].
pub fn contenders() -> impl Iterator<Item = &'static str> {
    CONTENDERS.iter().map(|(contender, _)| *contender)
}

/// The time to fill a contender, in a process of its own, including the counting of allocations.
///
/// # Errors
///
/// If it cannot be filled.
pub fn time(contender: &str, entries: u64) -> Result<Duration, String> {
    let (_, name) = CONTENDERS.iter().find(|(known, _)| *known == contender).ok_or("no such contender")?;
    let nanos = fill(&programs::built("memory-of")?, name, entries)?;
    Ok(Duration::from_secs_f64(nanos.get("nanos").ok_or("no time in the output")? / 1e9))
}

/// The figures that the program prints, by name.
fn fill(program: &Path, contender: &str, entries: u64) -> Result<HashMap<String, f64>, String> {
    let output = programs::output(Command::new(program).args([contender, &entries.to_string()]))?;
    let line = |line: &str| {
        let (name, figure) = line.split_once(' ')?;
        Some((name.to_owned(), figure.parse().ok()?))
    };
    output.lines().map(|text| line(text).ok_or_else(|| format!("{contender}: {text:?}"))).collect()
}

fn goals(table: &Table) -> Vec<Goal> {
    let heap = |contender| Some(table.figure(contender, HEAP)?.median());
    let whole = heap(OURS).map(|measured| Goal {
        what: format!("memory, 1,000,000 entries u64 -> u64: {OURS}"),
        bound: Bound::AtMost(96.0),
        measured,
        unit: "bytes per entry",
    });
    let tag = heap(OURS_TAGGED).zip(heap(OURS)).map(|(tagged, untagged)| Goal {
        what: "memory, what a tag of 100 entries adds per entry".into(),
        bound: Bound::AtMost(16.0),
        measured: tagged - untagged,
        unit: "bytes per entry",
    });
    whole.into_iter().chain(tag).collect()
}
