//! Random walks: steps from a seed, and the search for one that violates a promise.

use std::fmt;

use crate::counts::Counts;
use crate::mechanism::Mechanisms;
use crate::process::Work;
use crate::protocol::PROCESSES;
use crate::step::{Step, Style};
use crate::trace::Trace;
use crate::world::World;

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
        counts += Counts { excused: world.env.oracle.excused, ..world.env.counts };
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
        step.run(&mut world);
    }
    for _ in 0..rng.usize(30..200) {
        if world.env.oracle.violation.is_some() {
            return (steps, world);
        }
        let step = Step::random(&style, &world, &mut rng);
        steps.push(step);
        step.run(&mut world);
    }
    world.settle();
    (steps, world)
}

fn run(steps: &[Step], mechanisms: Mechanisms, trace: Trace) -> World {
    let mut world = World::new(mechanisms, trace);
    for step in steps {
        step.run(&mut world);
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
