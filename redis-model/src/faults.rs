//! What goes wrong.

use crate::process::Process;
use crate::protocol::PROCESSES;
use crate::redis::Data;
use crate::world::World;

/// One fault. Those of one process name it by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The connection is reset. What was sent on it may arrive later; answers do not.
    Cut(usize),
    HalfOpen(usize),
    Pause(usize, u8),
    /// The process ends, and another begins in its place.
    Die(usize),
    /// `XTRIM`: the oldest records are removed.
    Trim(u8),
    FlushAll,
    DeleteHead,
    DeleteLog,
    Evict(u8),
    /// The data are saved, or copied to the replica: from now on this is what a restart or a failover loads.
    Save,
    Replicate,
    RestartWithData,
    RestartWithSaved,
    RestartEmpty,
    /// The replica becomes the primary, with what it has.
    Failover,
    /// So it does, and the old primary stays, with its connections.
    SplitBrain,
    /// The old primary ends.
    Heal,
    /// The server goes on with an older state of the log, in the same run: so many records are lost from its end.
    GoBack(u8),
}

impl Fault {
    pub(crate) fn random(rng: &mut fastrand::Rng) -> Self {
        let process = rng.usize(..PROCESSES);
        match rng.u8(..40) {
            0..5 => Self::Cut(process),
            5..8 => Self::HalfOpen(process),
            8..11 => Self::Pause(process, rng.u8(1..40)),
            11..14 => Self::Die(process),
            14..18 => Self::Trim(rng.u8(1..5)),
            18..20 => Self::FlushAll,
            20 => Self::DeleteHead,
            21..23 => Self::DeleteLog,
            23 => Self::Evict(rng.u8(..)),
            24..27 => Self::Save,
            27..30 => Self::Replicate,
            30 => Self::RestartWithData,
            31..33 => Self::RestartWithSaved,
            33 => Self::RestartEmpty,
            34..36 => Self::Failover,
            36 => Self::SplitBrain,
            37 => Self::Heal,
            _ => Self::GoBack(rng.u8(1..4)),
        }
    }

    /// The same, of another process.
    pub(crate) fn of(self, process: usize) -> Self {
        match self {
            Self::Cut(_) => Self::Cut(process),
            Self::HalfOpen(_) => Self::HalfOpen(process),
            Self::Pause(_, span) => Self::Pause(process, span),
            Self::Die(_) => Self::Die(process),
            of_servers => of_servers,
        }
    }

    pub(crate) fn inject(self, world: &mut World) {
        match self {
            Self::Cut(process) => world.processes[process].disconnect(),
            Self::HalfOpen(process) => world.processes[process].half_open(),
            Self::Pause(process, span) => world.processes[process].pause(world.env.now + u32::from(span)),
            Self::Die(process) => {
                world.env.oracle.died(world.processes[process].id());
                world.processes[process] = Process::new(process, world.env.next_number());
            }
            Self::Trim(count) => {
                if let Some(log) = &mut world.primary.data.log {
                    log.records.drain(..log.records.len().min(count.into()));
                }
            }
            Self::FlushAll => world.primary.data = Data::default(),
            Self::DeleteHead => world.primary.data.head = None,
            Self::DeleteLog => world.primary.data.log = None,
            Self::Evict(value) => {
                let values = &mut world.primary.data.values;
                values[usize::from(value) % values.len()] = None;
            }
            Self::Save => world.saved = world.primary.data.clone(),
            Self::Replicate => world.replica = world.primary.data.clone(),
            Self::RestartWithData => world.restart(world.primary.data.clone()),
            Self::RestartWithSaved => world.restart(world.saved.clone()),
            Self::RestartEmpty => world.restart(Data::default()),
            Self::Failover => world.restart(world.replica.clone()),
            Self::SplitBrain => world.split(world.replica.clone()),
            Self::Heal => world.heal(),
            Self::GoBack(count) => {
                for _ in 0..count {
                    if let Some((publication, position)) = world.primary.data.lose_last() {
                        world.env.oracle.went_back(publication, position);
                    }
                }
            }
        }
        world.log_changed();
    }
}
