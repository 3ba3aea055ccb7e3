//! One step of a walk. What is impossible at the moment does nothing, so steps can be left out of a walk.

use crate::faults::Fault;
use crate::words::{PROCESSES, Query};
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

/// What a process does by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    Follow,
    Load(u8),
    Write(u8),
    SendQueued,
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
            if world.is_possible(step) {
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
            6 => Self::Work(process, Work::random(style, rng)),
            _ => Self::Hurry(process, Work::random(style, rng), rng.u8(1..12)),
        }
    }
}

impl Work {
    fn random(style: &Style, rng: &mut fastrand::Rng) -> Self {
        match choose(&style.works, rng) {
            0 => Self::Follow,
            1 => Self::Load(rng.u8(..)),
            2 => Self::Write(rng.u8(..)),
            _ => Self::SendQueued,
        }
    }
}
