//! What goes wrong.

use crate::process::Process;
use crate::redis::{Data, Server};
use crate::words::PROCESSES;
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
}

impl Fault {
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
}

impl World {
    pub(crate) fn fail(&mut self, fault: Fault) {
        match fault {
            Fault::Cut(process) => self.processes[process].disconnect(),
            Fault::HalfOpen(process) => self.processes[process].half_open(),
            Fault::Pause(process, span) => self.processes[process].pause(self.env.now + u32::from(span)),
            Fault::Die(process) => {
                self.env.oracle.died(self.processes[process].id);
                self.processes[process] = Process::new(process, self.env.next_number());
            }
            Fault::Trim(count) => {
                if let Some(log) = &mut self.primary.data.log {
                    log.records.drain(..log.records.len().min(count.into()));
                }
            }
            Fault::FlushAll => self.primary.data = Data::default(),
            Fault::DeleteHead => self.primary.data.head = None,
            Fault::DeleteLog => self.primary.data.log = None,
            Fault::Evict(value) => {
                let values = &mut self.primary.data.values;
                values[usize::from(value) % values.len()] = None;
            }
            Fault::Save => self.saved = self.primary.data.clone(),
            Fault::Replicate => self.replica = self.primary.data.clone(),
            Fault::RestartWithData => self.restart(self.primary.data.clone()),
            Fault::RestartWithSaved => self.restart(self.saved.clone()),
            Fault::RestartEmpty => self.restart(Data::default()),
            Fault::Failover => self.restart(self.replica.clone()),
            Fault::SplitBrain => {
                self.heal();
                let promoted = self.server(self.replica.clone());
                let mut demoted = std::mem::replace(&mut self.primary, promoted);
                demoted.is_demoted = true;
                self.demoted = Some(demoted);
            }
            Fault::Heal => self.heal(),
            Fault::GoBack(count) => {
                for _ in 0..count {
                    if let Some((publication, position)) = self.primary.data.lose_last() {
                        self.env.oracle.went_back(publication, position);
                    }
                }
            }
        }
        self.env.oracle.log_changed(&self.primary.data, self.env.now);
    }

    /// The primary ends, and a server with these data is in its place.
    fn restart(&mut self, data: Data) {
        let server = self.server(data);
        let old = std::mem::replace(&mut self.primary, server);
        self.disconnect_from(&old);
    }

    fn heal(&mut self) {
        if let Some(demoted) = self.demoted.take() {
            self.disconnect_from(&demoted);
        }
    }

    fn disconnect_from(&mut self, server: &Server) {
        for process in &mut self.processes {
            process.disconnect_from(server.run);
        }
    }

    fn server(&mut self, data: Data) -> Server {
        Server { run: self.env.next_number(), is_demoted: false, data }
    }
}
