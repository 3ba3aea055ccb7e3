//! The replay: measures invalidation by name and by key.
//!
//! Four tables, on newly imported sample libraries: the original's example and benchmarks, and two workloads of real
//! data. [`replay`] checks the counts of the cache and the database against expectations.
//!
//! [`Processes`] replays the same data in several processes.

mod memory_tier;
mod processes;
mod runner;
mod scenarios;

use std::io::Write;

use indicatif::ProgressBar;

pub use memory_tier::{MemoryServer, MemoryTier};
pub use processes::{Processes, Tiers, tiers_in_memory};
pub use runner::{Check, Outcome, Runner};

use crate::{
    database::Database,
    error::ReplayError,
    output::{Progress, left, percent, right, seconds, write_table},
    workload::{Policy, Step, playlists, trace},
};

/// Runs everything, with the first `visits` purchases as the trace, writes the tables to `out`, and returns the failed
/// expectations.
///
/// # Errors
///
/// If the library fails, or the output.
pub fn replay(out: &mut impl Write, visits: usize, progress: &Progress) -> Result<Vec<String>, ReplayError> {
    let mut replay = Replay { out, progress, checked: 0, failed: Vec::new() };
    replay.example()?;
    replay.benchmarks()?;
    replay.trace(visits)?;
    replay.playlists()?;
    let Replay { out, checked, failed, .. } = replay;
    writeln!(out, "{} of {checked} expectations hold.", checked - failed.len())?;
    out.flush()?;
    Ok(failed)
}

struct Replay<'a, W> {
    out: &'a mut W,
    progress: &'a Progress,
    checked: usize,
    failed: Vec<String>,
}

impl<W: Write> Replay<'_, W> {
    fn expect(&mut self, expectation: String, holds: bool) {
        self.checked += 1;
        if !holds {
            self.failed.push(expectation);
        }
    }

    /// Table 1: three queries are read again after a favourite is toggled.
    fn example(&mut self) -> Result<(), ReplayError> {
        let (queries, toggle) = (scenarios::three_queries(), scenarios::toggle());
        let policies = [(Policy::INVALIDATE_BY_NAME, 2), (Policy::INVALIDATE_ALL, 0)];
        let length = policies.len() * (queries.len() + toggle.len() + queries.len());
        let bar = self.progress.step("example", Some(length as u64));
        let mut rows = Vec::new();
        for (policy, hits) in policies {
            let runner = Runner::new(policy)?;
            runner.run(&queries, Check::Answers, &bar)?;
            runner.run(&toggle, Check::Answers, &bar)?;
            let again = runner.run(&queries, Check::Answers, &bar)?;

            let name = format!("example, {}", policy.name);
            self.expect(format!("{name}: {hits} of 3 hits"), again.hits == hits);
            self.expect(format!("{name}: no stale answer"), again.stale == 0);
            rows.push([policy.name.to_owned(), hits_of_reads(&again), again.stale.to_string()]);
        }
        drop(bar);
        write_table(
            self.out,
            "1. The original's example: three cached queries are read again after a favourite is toggled.",
            [left("policy"), right("hits"), right("stale answers")],
            rows,
        )?;
        Ok(())
    }

    /// Table 2: the original's two benchmarks.
    fn benchmarks(&mut self) -> Result<(), ReplayError> {
        // With the possible hits by name, and the original's goal for the hit rate, in per cent.
        let benchmarks = [
            ("100 operations, 10 mutations", scenarios::hundred_operations(), 89, 70),
            ("50 diverse operations, 10 mutations", scenarios::fifty_diverse_operations(), 27, 40),
        ];
        let policies = [Policy::INVALIDATE_BY_NAME, Policy::INVALIDATE_ALL];
        let length = policies.len() * benchmarks.iter().map(|(_, steps, ..)| steps.len()).sum::<usize>();
        let bar = self.progress.step("benchmarks", Some(length as u64));
        let mut rows = Vec::new();
        for (workload, steps, possible, goal) in benchmarks {
            let run =
                |policy| -> Result<_, ReplayError> { Ok(Runner::new(policy)?.run(&steps, Check::Answers, &bar)?) };
            let [by_name, all] = [run(policies[0])?, run(policies[1])?];

            let reads = by_name.reads;
            self.expect(format!("{workload}, by name: {possible} of {reads} hits"), by_name.hits == possible);
            self.expect(format!("{workload}, by name: more than {goal} % hits"), by_name.hits * 100 > reads * goal);
            for (Policy { name, .. }, outcome) in policies.into_iter().zip([by_name, all]) {
                self.expect(format!("{workload}, {name}: no stale answer"), outcome.stale == 0);
                rows.push([
                    workload.to_owned(),
                    name.to_owned(),
                    hits_of_reads(&outcome),
                    percent(outcome.hits, outcome.reads),
                    format!("> {goal} %"),
                    outcome.stale.to_string(),
                ]);
            }
        }
        drop(bar);
        write_table(
            self.out,
            "2. The original's benchmarks: two workloads of reads and mutations.",
            [
                left("workload"),
                left("policy"),
                right("hits"),
                right("hit rate"),
                right("original's goal"),
                right("stale answers"),
            ],
            rows,
        )?;
        Ok(())
    }

    /// Table 3: each purchase as a visit.
    fn trace(&mut self, visits: usize) -> Result<(), ReplayError> {
        let steps = trace(&Database::open_sample(&ProgressBar::hidden())?, visits)?;
        let title = "3. The trace: each purchase is a visit of six reads and a play. It runs twice; the second run, \"checked\",\n   \
                     compares each answer with the database's.";
        let [no_cache, all, by_name, by_key] = self.under_each_policy("trace", title, &steps)?;
        self.expect("trace: a higher hit rate by name than by invalidating all".to_owned(), by_name.hits > all.hits);
        self.expect(
            "trace: fewer database queries by name than by invalidating all".to_owned(),
            by_name.queries < all.queries,
        );
        // Not fewer: a visit reads six different entries, and its play invalidates all.
        self.expect(
            "trace: no more database queries by invalidating all than without a cache".to_owned(),
            all.queries <= no_cache.queries,
        );
        // Not more: each visit plays the one track that it reads.
        self.expect("trace: no fewer hits by key than by name".to_owned(), by_key.hits >= by_name.hits);
        Ok(())
    }

    /// Table 4: the tracks of all playlists.
    fn playlists(&mut self) -> Result<(), ReplayError> {
        let steps = playlists(&Database::open_sample(&ProgressBar::hidden())?)?;
        let title =
            "4. The playlists: each track of each playlist is read, and one in 25 is played. This runs twice, too.";
        let [.., by_name, by_key] = self.under_each_policy("playlists", title, &steps)?;
        self.expect("playlists: a higher hit rate by key than by name".to_owned(), by_key.hits > by_name.hits);
        self.expect(
            "playlists: fewer database queries by key than by name".to_owned(),
            by_key.queries < by_name.queries,
        );
        Ok(())
    }

    /// Runs steps under each policy and writes the table. Returns the outcomes of unchecked runs.
    fn under_each_policy(&mut self, workload: &str, title: &str, steps: &[Step]) -> Result<[Outcome; 4], ReplayError> {
        let run = |policy: Policy| {
            let bar = self.progress.step(format!("{workload}, {}", policy.name), Some(2 * steps.len() as u64));
            TwoRuns::of(policy, steps, &bar)
        };
        let runs = [
            run(Policy::NO_CACHE)?,
            run(Policy::INVALIDATE_ALL)?,
            run(Policy::INVALIDATE_BY_NAME)?,
            run(Policy::INVALIDATE_BY_KEY)?,
        ];
        let mut rows = Vec::new();
        for TwoRuns { policy, timed, checked } in &runs {
            let name = format!("{workload}, {}", policy.name);
            self.expect(format!("{name}: no stale answer"), checked.stale == 0);
            self.expect(format!("{name}: the same hits in both runs"), timed.hits == checked.hits);
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
        write_table(
            self.out,
            title,
            [
                left("policy"),
                right("reads"),
                right("database queries"),
                right("hit rate"),
                right("wall time"),
                right("checked"),
                right("stale answers"),
            ],
            rows,
        )?;
        let outcomes = runs.map(|runs| runs.timed);
        self.expect(format!("{workload}: no hits without a cache"), outcomes[0].hits == 0);
        Ok(outcomes)
    }
}

/// Two runs of the same steps: comparing takes queries and time.
struct TwoRuns {
    policy: Policy,
    timed: Outcome,
    checked: Outcome,
}

impl TwoRuns {
    fn of(policy: Policy, steps: &[Step], bar: &ProgressBar) -> Result<Self, ReplayError> {
        Ok(Self {
            policy,
            timed: Runner::new(policy)?.run(steps, Check::Nothing, bar)?,
            checked: Runner::new(policy)?.run(steps, Check::Answers, bar)?,
        })
    }
}

fn hits_of_reads(outcome: &Outcome) -> String {
    format!("{} of {}", outcome.hits, outcome.reads)
}
