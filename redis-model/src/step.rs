//! One step of a walk. What is impossible at the moment does nothing, so steps can be left out of a walk.

use crate::faults::Fault;
use crate::process::Work;
use crate::protocol::{PROCESSES, Query};
use crate::world::World;

/// Of one actor. A `u8` says which of several that are possible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Tick(u8),
    /// A message arrives.
    Network(u8),
    Fault(Fault),
    Call(usize, Query),
    Write(usize, usize),
    /// With `on_unreachable = "fail"`.
    AnnouncedWrite(usize, usize),
    Work(usize, Work),
    /// Several steps of the same work, and of the messages of the process, with nothing of others between them.
    Hurry(usize, Work, u8),
}

/// How often a walk does what. It differs from walk to walk: what happens seldom in most is frequent in some.
#[derive(Debug)]
pub(crate) struct Style {
    weights: [u32; 8],
    works: [u32; 4],
    faults: Vec<Fault>,
    longest_tick: u8,
    queries: Vec<Query>,
    rows: Vec<usize>,
}

impl Style {
    pub(crate) fn random(rng: &mut fastrand::Rng) -> Self {
        let mut scaled = |weight: u32| weight << rng.u32(0..4);
        let weights = [8, 15, 4, 15, 5, 5, 40, 80].map(&mut scaled);
        let works = [9, 5, 5, 1].map(&mut scaled);
        let faults = (0..rng.usize(1..5)).map(|_| Fault::random(rng)).collect();
        let queries = (0..3).map(|_| Query::ALL[rng.usize(..Query::COUNT)]).collect();
        let rows = (0..2).map(|_| rng.usize(..2)).collect();
        Self { weights, works, faults, longest_tick: rng.u8(1..8), queries, rows }
    }

    fn work(&self, rng: &mut fastrand::Rng) -> Work {
        match choose(&self.works, rng) {
            0 => Work::Follow,
            1 => Work::Load(rng.u8(..).into()),
            2 => Work::Write(rng.u8(..).into()),
            _ => Work::SendQueued,
        }
    }
}

/// An index, as often as its weight says.
fn choose(weights: &[u32], rng: &mut fastrand::Rng) -> usize {
    let mut left = rng.u32(..weights.iter().sum::<u32>());
    weights
        .iter()
        .position(|weight| {
            let is_it = left < *weight;
            left = left.saturating_sub(*weight);
            is_it
        })
        .unwrap_or_default()
}

impl Step {
    /// One that does something.
    pub(crate) fn random(style: &Style, world: &World, rng: &mut fastrand::Rng) -> Self {
        loop {
            let step = Self::any(style, rng);
            if step.is_possible(world) {
                return step;
            }
        }
    }

    fn any(style: &Style, rng: &mut fastrand::Rng) -> Self {
        let process = rng.usize(..PROCESSES);
        let pick = rng.u8(..);
        let row = style.rows[usize::from(pick) % style.rows.len()];
        match choose(&style.weights, rng) {
            0 => Self::Tick(1 + pick % style.longest_tick),
            1 => Self::Network(pick),
            2 => Self::Fault(style.faults[usize::from(pick) % style.faults.len()].of(process)),
            3 => Self::Call(process, style.queries[usize::from(pick) % style.queries.len()]),
            4 => Self::Write(process, row),
            5 => Self::AnnouncedWrite(process, row),
            6 => Self::Work(process, style.work(rng)),
            _ => Self::Hurry(process, style.work(rng), rng.u8(1..12)),
        }
    }

    /// Whether it does something.
    fn is_possible(self, world: &World) -> bool {
        let is_awake = |process: usize| !world.processes[process].is_paused(world.env.now);
        match self {
            Self::Tick(_) | Self::Fault(_) => true,
            Self::Network(_) => !world.env.network.is_empty(),
            Self::Call(process, _) | Self::Write(process, _) | Self::AnnouncedWrite(process, _) => is_awake(process),
            Self::Work(process, work) | Self::Hurry(process, work, _) => {
                is_awake(process) && world.processes[process].has(work)
            }
        }
    }

    pub(crate) fn run(self, world: &mut World) {
        world.env.trace.begin(world.env.now, &self);
        match self {
            Self::Tick(count) => (0..count).for_each(|_| world.tick()),
            Self::Network(pick) => world.deliver(pick.into()),
            Self::Fault(fault) => fault.inject(world),
            Self::Call(process, query) => world.with(process, |process, env| process.call(query, env)),
            Self::Write(process, row) => world.with(process, |process, env| process.write(row, false, env)),
            Self::AnnouncedWrite(process, row) => world.with(process, |process, env| process.write(row, true, env)),
            Self::Work(process, work) => world.work(process, work),
            Self::Hurry(process, work, count) => (0..count).for_each(|_| world.hurry(process, work)),
        }
    }
}
