//! What an entry takes in memory.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use indicatif::ProgressBar;

use crate::programs;
use crate::results::{Answer, Bound, Effort, Figure, Goal, Table};

/// What they are called here, and by the program that fills them.
const CONTENDERS: [(&str, &str); 9] = [
    (OURS, "ours"),
    (OURS_TAGGED, "ours-tagged"),
    ("dashmap", "dashmap"),
    ("quick_cache", "quick_cache"),
    ("papaya", "papaya"),
    ("cached, concurrent, ttl", "cached"),
    ("foyer", "foyer"),
    ("mini-moka", "mini-moka"),
    ("moka", "moka"),
];

const OURS: &str = "ours, one query tag";
const OURS_TAGGED: &str = "ours, and a tag for each 100 entries";

const ENTRIES: u64 = 1_000_000;
/// Just fits into tables of a power of two that 1,000,000 entries make double.
const FEWER: u64 = 900_000;

const HEAP: &str = "heap";

const NOTES: [&str; 4] = [
    "Entries u64 -> u64, 1,000,000 of them, in a cache with room for as many; each contender in a process of its own. Bytes \
     are divided by the entries that are there in the end: sharded caches evict some before they are full.",
    "heap: bytes requested of the allocator and not returned, by which the goals are judged. peak: the most that were \
     requested at one time, while tables grew. resident: by how much the process grew, with what the allocator itself takes, and \
     what it keeps.",
    "heap, 900,000: tables grow by doubling. One of 2^20 places, seven eighths of them to be used, holds 917,504 entries: \
     1,000,000 are a bad number for everybody who has hash tables, 900,000 a good one.",
    "Ours, cached and moka have a time to live to keep for each entry, or could have one; dashmap and papaya are maps, which evict \
     nothing.",
];

/// Counts bytes.
pub fn ask(_: Effort, progress: &ProgressBar) -> Answer {
    let mut table = Table {
        title: "Memory".into(),
        unit: "bytes an entry".into(),
        notes: NOTES.map(String::from).into(),
        figures: Vec::new(),
    };
    progress.set_length(2 * CONTENDERS.len() as u64);
    match programs::built("memory-of") {
        Ok(program) => fill_all(&program, &mut table, progress),
        Err(error) => table.notes.push(format!("Nothing was measured. {error}")),
    }
    let goals = goals(&table);
    Answer { tables: vec![table], goals }
}

fn fill_all(program: &Path, table: &mut Table, progress: &ProgressBar) {
    for (contender, name) in CONTENDERS {
        for (entries, cases) in [
            (ENTRIES, &[(HEAP, "heap"), ("peak", "peak"), ("resident", "resident")][..]),
            (FEWER, &[("heap, 900,000", "heap")]),
        ] {
            match fill(program, name, entries) {
                Ok(said) => table.figures.extend(cases.iter().filter_map(|&(case, what)| {
                    let bytes = said.get(what)? / said.get("entries")?;
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

/// How long it takes to fill a contender with so many entries, in a process of its own, allocations counted.
///
/// # Errors
///
/// If it could not be done, and why.
pub fn time(contender: &str, entries: u64) -> Result<Duration, String> {
    let (_, name) = CONTENDERS.iter().find(|(known, _)| *known == contender).ok_or("no such contender")?;
    let nanos = fill(&programs::built("memory-of")?, name, entries)?;
    Ok(Duration::from_secs_f64(nanos.get("nanos").ok_or("no time was said")? / 1e9))
}

/// What the program says of a contender, by name.
fn fill(program: &Path, contender: &str, entries: u64) -> Result<HashMap<String, f64>, String> {
    let said = programs::output(Command::new(program).args([contender, &entries.to_string()]))?;
    let line = |line: &str| {
        let (name, figure) = line.split_once(' ')?;
        Some((name.to_owned(), figure.parse().ok()?))
    };
    said.lines().map(|said| line(said).ok_or_else(|| format!("{contender} said {said:?}"))).collect()
}

fn goals(table: &Table) -> Vec<Goal> {
    let heap = |contender| Some(table.figure(contender, HEAP)?.median());
    let whole = heap(OURS).map(|measured| Goal {
        what: format!("memory, 1,000,000 entries u64 -> u64: {OURS}"),
        bound: Bound::AtMost(96.0),
        measured,
        unit: "bytes an entry",
    });
    let tag = heap(OURS_TAGGED).zip(heap(OURS)).map(|(tagged, untagged)| Goal {
        what: "memory, what a user tag adds that 100 entries share".into(),
        bound: Bound::AtMost(16.0),
        measured: tagged - untagged,
        unit: "bytes an entry",
    });
    whole.into_iter().chain(tag).collect()
}
