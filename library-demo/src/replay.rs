//! The replay: what forgetting by name and by key is worth, measured on this library.
//!
//! Four tables, each on freshly imported libraries: the example and the benchmarks that the
//! original measured itself by, and two traces of real data. The figures are the cache's and the database's
//! own counts, and [`replay`] checks that they are within their bounds.

mod runner;
mod scenarios;

use std::io::Write;

pub use runner::{Check, Mutation, Outcome, PAGE, Player, Policy, Read, Step};

use crate::{
    CsvFiles, Database, ImportError, ReplayError,
    output::table::{percent, print_table, seconds},
    workload::{playlists, trace},
};
use indicatif::ProgressBar;

/// Plays everything, with the first `visits` purchases as the trace, prints the tables to `out` and
/// returns the bounds that do not hold.
///
/// # Errors
///
/// If the library fails, or the output.
pub fn replay(out: &mut impl Write, visits: usize) -> Result<Vec<String>, ReplayError> {
    let mut bounds = Bounds::default();
    example(out, &mut bounds)?;
    benchmarks(out, &mut bounds)?;
    real_trace(out, visits, &mut bounds)?;
    real_playlists(out, &mut bounds)?;
    let held = bounds.checked - bounds.broken.len();
    writeln!(out, "{held} of {} bounds hold.", bounds.checked)?;
    out.flush()?;
    Ok(bounds.broken)
}

/// What the figures have to satisfy.
#[derive(Default)]
struct Bounds {
    checked: usize,
    broken: Vec<String>,
}

impl Bounds {
    fn require(&mut self, bound: String, holds: bool) {
        self.checked += 1;
        if !holds {
            self.broken.push(bound);
        }
    }
}

/// Table 1: three queries are cached, a favourite is toggled, the three are asked again.
fn example(out: &mut impl Write, bounds: &mut Bounds) -> Result<(), ReplayError> {
    let mut rows = Vec::new();
    for (policy, hits) in [(Policy::FORGET_BY_NAME, 2), (Policy::CLEAR_EVERYTHING, 0)] {
        let player = Player::new(policy)?;
        player.play(&scenarios::three_queries(), Check::Stale)?;
        player.play(&scenarios::toggle(), Check::Stale)?;
        let again = player.play(&scenarios::three_queries(), Check::Stale)?;

        let name = format!("the example, {}", policy.name);
        bounds.require(format!("{name}: {hits} of 3 hits"), again.hits == hits);
        bounds.require(format!("{name}: no stale answer"), again.stale == 0);
        rows.push([policy.name.to_owned(), hits_of_reads(&again), again.stale.to_string()]);
    }
    print_table(
        out,
        "1. The original's example: three cached queries are asked again after a favourite was toggled.",
        1,
        ["policy", "hits", "stale answers"],
        &rows,
    )?;
    Ok(())
}

/// Table 2: the original's two benchmarks.
fn benchmarks(out: &mut impl Write, bounds: &mut Bounds) -> Result<(), ReplayError> {
    // With the most hits that forgetting by name can have, and the percentage that the original
    // asked of itself.
    let benchmarks = [
        ("100 operations, 10 mutations", scenarios::hundred_operations(), 89, 70),
        ("50 diverse operations, 10 mutations", scenarios::fifty_diverse_operations(), 27, 40),
    ];
    let mut rows = Vec::new();
    for (workload, steps, possible, asked) in benchmarks {
        let by_name = Player::new(Policy::FORGET_BY_NAME)?.play(&steps, Check::Stale)?;
        let cleared = Player::new(Policy::CLEAR_EVERYTHING)?.play(&steps, Check::Stale)?;

        let reads = by_name.reads;
        bounds.require(format!("{workload}, by name: {possible} of {reads} hits"), by_name.hits == possible);
        bounds.require(format!("{workload}, by name: more than {asked} % hits"), by_name.hits * 100 > reads * asked);
        for (policy, outcome) in [(Policy::FORGET_BY_NAME, by_name), (Policy::CLEAR_EVERYTHING, cleared)] {
            let name = policy.name;
            bounds.require(format!("{workload}, {name}: no stale answer"), outcome.stale == 0);
            rows.push([
                workload.to_owned(),
                name.to_owned(),
                hits_of_reads(&outcome),
                percent(outcome.hits, outcome.reads),
                format!("> {asked} %"),
                outcome.stale.to_string(),
            ]);
        }
    }
    print_table(
        out,
        "2. The original's benchmarks: two workloads of reads and mutations.",
        2,
        ["workload", "policy", "hits", "hit rate", "original asked", "stale answers"],
        &rows,
    )?;
    Ok(())
}

/// Table 3: every purchase as a visit to the library.
fn real_trace(out: &mut impl Write, visits: usize, bounds: &mut Bounds) -> Result<(), ReplayError> {
    let steps = trace(&fresh_library()?, visits)?;
    let title = "3. The real trace: every purchase is replayed as a visit of six reads and a play, and that twice. The second\n   \
                 time, \"with the check\", every answer is compared with the database's own.";
    let [no_cache, cleared, by_name, by_key] = under_each_policy(out, ("the trace", title), &steps, bounds)?;
    bounds.require(
        "the trace: a higher hit rate by name than clearing everything".to_owned(),
        by_name.hits > cleared.hits,
    );
    bounds.require(
        "the trace: fewer database queries by name than clearing everything".to_owned(),
        by_name.queries < cleared.queries,
    );
    // Not fewer: a visit asks six different questions and ends with a play. Whoever clears
    // everything at each play has nothing left to hit.
    bounds.require(
        "the trace: no more database queries clearing everything than without a cache".to_owned(),
        cleared.queries <= no_cache.queries,
    );
    // Not more: a visitor plays the very track that was looked at. What a play could spare by key, that of
    // another visitor, is looked at only to be played as well.
    bounds.require("the trace: no fewer hits by key than by name".to_owned(), by_key.hits >= by_name.hits);
    Ok(())
}

/// Table 4: the playlists, looked through.
fn real_playlists(out: &mut impl Write, bounds: &mut Bounds) -> Result<(), ReplayError> {
    let steps = playlists(&fresh_library()?)?;
    let title = "4. The playlists: every track on each of them is looked at, and one in 25 is played, likewise twice.";
    let [.., by_name, by_key] = under_each_policy(out, ("the playlists", title), &steps, bounds)?;
    bounds.require("the playlists: a higher hit rate by key than by name".to_owned(), by_key.hits > by_name.hits);
    bounds.require(
        "the playlists: fewer database queries by key than by name".to_owned(),
        by_key.queries < by_name.queries,
    );
    Ok(())
}

/// Plays steps under each policy and prints the table. The outcomes are of the passes without the check.
fn under_each_policy(
    out: &mut impl Write,
    (workload, title): (&str, &str),
    steps: &[Step],
    bounds: &mut Bounds,
) -> Result<[Outcome; 4], ReplayError> {
    let passes = [
        Passes::play(Policy::NO_CACHE, steps)?,
        Passes::play(Policy::CLEAR_EVERYTHING, steps)?,
        Passes::play(Policy::FORGET_BY_NAME, steps)?,
        Passes::play(Policy::FORGET_BY_KEY, steps)?,
    ];
    let mut rows = Vec::new();
    for Passes { policy, timed, checked } in &passes {
        let name = format!("{workload}, {}", policy.name);
        bounds.require(format!("{name}: no stale answer"), checked.stale == 0);
        bounds.require(format!("{name}: the same hits in both passes"), timed.hits == checked.hits);
        rows.push([
            policy.name.to_owned(),
            timed.reads.to_string(),
            timed.queries.to_string(),
            percent(timed.hits, timed.reads),
            seconds(timed.elapsed),
            seconds(checked.elapsed),
            checked.stale.to_string(),
        ]);
    }
    print_table(
        out,
        title,
        1,
        ["policy", "reads", "database queries", "hit rate", "wall time", "with the check", "stale answers"],
        &rows,
    )?;
    let outcomes = passes.map(|passes| passes.timed);
    bounds.require(format!("{workload}: no hits without a cache"), outcomes[0].hits == 0);
    Ok(outcomes)
}

/// A trace played twice. To compare every answer with the database's takes queries and time that
/// are not the policy's.
struct Passes {
    policy: Policy,
    timed: Outcome,
    checked: Outcome,
}

impl Passes {
    fn play(policy: Policy, steps: &[Step]) -> Result<Self, ReplayError> {
        Ok(Self {
            policy,
            timed: Player::new(policy)?.play(steps, Check::Nothing)?,
            checked: Player::new(policy)?.play(steps, Check::Stale)?,
        })
    }
}

fn hits_of_reads(outcome: &Outcome) -> String {
    format!("{} of {}", outcome.hits, outcome.reads)
}

/// The embedded library in a database of its own.
fn fresh_library() -> Result<Database, ImportError> {
    let database = Database::open_in_memory()?;
    database.import(&CsvFiles::embedded(), &ProgressBar::hidden())?;
    Ok(database)
}
