//! One step of a walk. What is impossible at the moment does nothing, so steps can be left out of a walk.

use crate::faults::Fault;
use crate::words::{PROCESSES, Query};

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
    Follow(usize),
    Load(usize, u8),
    ContinueWrite(usize, u8),
    SendQueued(usize),
}

impl Step {
    pub(crate) fn random(rng: &mut fastrand::Rng) -> Self {
        let process = rng.usize(..PROCESSES);
        let pick = rng.u8(..);
        match rng.u8(..100) {
            0..13 => Self::Tick(1 + pick % 4),
            13..38 => Self::Network(pick),
            38..41 => Self::Fault(Fault::random(rng)),
            41..53 => Self::Call(process, Query::ALL[usize::from(pick) % Query::COUNT]),
            53..57 => Self::Write(process, usize::from(pick % 2)),
            57..59 => Self::AnnouncedWrite(process, usize::from(pick % 2)),
            59..77 => Self::Follow(process),
            77..90 => Self::Load(process, pick),
            90..98 => Self::ContinueWrite(process, pick),
            _ => Self::SendQueued(process),
        }
    }
}
