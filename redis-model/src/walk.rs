//! Random walks: steps from a seed, and the search for one that violates a promise.

use std::fmt;
use std::ops::AddAssign;

use crate::mechanism::Mechanisms;
use crate::oracle::Excused;
use crate::step::{Step, Style, Work};
use crate::trace::Trace;
use crate::words::PROCESSES;
use crate::world::World;

/// How often something happened: walks in which nothing happens prove nothing.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counts {
    /// Calls of cached queries.
    pub calls: u64,
    /// Answers from memory, also to loads.
    pub hits: u64,
    /// Calls that joined a load in flight.
    pub joins: u64,
    /// Answers of the second level.
    pub second_level_hits: u64,
    /// Reads of the database.
    pub loads: u64,
    /// Answers that were older than promised, by what is not promised.
    pub excused: Excused,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.hits += other.hits;
        self.joins += other.joins;
        self.second_level_hits += other.second_level_hits;
        self.loads += other.loads;
        self.excused.died += other.excused.died;
        self.excused.split_brain += other.excused.split_brain;
        self.excused.went_back += other.excused.went_back;
    }
}

/// A walk that violates a promise, after the steps that it does not need were left out.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The walk's.
    pub seed: u64,
    /// How many walks there were before it, itself included.
    pub walks: u64,
    /// Which promise, by which answer.
    pub what: String,
    trace: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.trace)?;
        write!(f, "found by walk {}, seed {}: {}", self.walks, self.seed, self.what)
    }
}

/// Walks from consecutive seeds, until one violates a promise.
///
/// ```
/// use redis_model::{Mechanisms, walk};
///
/// let counts = walk(0..100, Mechanisms::default()).unwrap();
/// assert!(counts.second_level_hits > 0);
/// ```
///
/// # Errors
///
/// The first violation.
pub fn walk(seeds: std::ops::Range<u64>, mechanisms: Mechanisms) -> Result<Counts, Box<Violation>> {
    let mut counts = Counts::default();
    for (walks, seed) in (1..).zip(seeds) {
        let (steps, world) = wander(seed, mechanisms);
        if world.env.oracle.violation.is_some() {
            return Err(Box::new(shrink(steps, seed, walks, mechanisms)));
        }
        counts += world.env.counts;
        counts += Counts { excused: world.env.oracle.excused, ..Counts::default() };
    }
    Ok(counts)
}

fn wander(seed: u64, mechanisms: Mechanisms) -> (Vec<Step>, World) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let style = Style::random(&mut rng);
    let mut world = World::new(mechanisms, Trace::default());
    // Nothing is served from memory before a process has followed for a while.
    let mut steps: Vec<_> = (0..PROCESSES).map(|process| Step::Hurry(process, Work::Follow, 16)).collect();
    for step in &steps {
        world.step(*step);
    }
    for _ in 0..rng.usize(30..200) {
        if world.env.oracle.violation.is_some() {
            return (steps, world);
        }
        let step = Step::random(&style, &world, &mut rng);
        steps.push(step);
        world.step(step);
    }
    world.settle();
    (steps, world)
}

fn run(steps: &[Step], mechanisms: Mechanisms, trace: Trace) -> World {
    let mut world = World::new(mechanisms, trace);
    for step in steps {
        world.step(*step);
        if world.env.oracle.violation.is_some() {
            return world;
        }
    }
    world.settle();
    world
}

/// Leaves out steps for as long as a promise is violated.
fn shrink(mut steps: Vec<Step>, seed: u64, walks: u64, mechanisms: Mechanisms) -> Violation {
    let mut size = steps.len().div_ceil(2);
    loop {
        let before = steps.len();
        let mut start = 0;
        while start < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(start..steps.len().min(start + size));
            if run(&fewer, mechanisms, Trace::default()).env.oracle.violation.is_some() {
                steps = fewer;
            } else {
                start += size;
            }
        }
        if size == 1 && steps.len() == before {
            break;
        }
        size = size.div_ceil(2);
    }
    let env = run(&steps, mechanisms, Trace::on()).env;
    let what = env.oracle.violation.unwrap_or_default();
    Violation { seed, walks, what, trace: env.trace.into_text() }
}
