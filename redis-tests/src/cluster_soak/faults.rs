//! What goes wrong, and what has to be counted then.

use std::{fmt, thread, time::Duration};

use fastrand::Rng;
use redis_tests::{Direction, Proxy, Server, until};

use crate::{
    cluster::Cluster,
    world::{NAMESPACE, SCHEMA},
};

/// Each happens once in a round, in an order of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Fault {
    CutOne,
    CutAll,
    HalfOpen,
    LostBytes,
    Delay,
    PausedServer,
    PausedProcess,
    PausedProcessAndFlush,
    KilledProcess,
    KilledWriterAndFailover,
    Flush,
    TrimmedUnheard,
    DeletedLog,
    EvictedValues,
    CutValues,
    RestartWithData,
    RestartWithout,
    Failover,
}

impl Fault {
    pub(crate) const ALL: [Self; 18] = [
        Self::CutOne,
        Self::CutAll,
        Self::HalfOpen,
        Self::LostBytes,
        Self::Delay,
        Self::PausedServer,
        Self::PausedProcess,
        Self::PausedProcessAndFlush,
        Self::KilledProcess,
        Self::KilledWriterAndFailover,
        Self::Flush,
        Self::TrimmedUnheard,
        Self::DeletedLog,
        Self::EvictedValues,
        Self::CutValues,
        Self::RestartWithData,
        Self::RestartWithout,
        Self::Failover,
    ];
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Cluster {
    /// Does one thing, and ends it.
    pub(crate) fn suffer(&mut self, fault: Fault, rng: &mut Rng) {
        let victim = rng.usize(..self.processes.len());
        let direction = Direction::BOTH[rng.usize(..2)];
        let span = Duration::from_millis(rng.u64(20..1500));
        let proxy = &self.proxies[victim];
        match fault {
            Fault::CutOne => proxy.cut(),
            Fault::CutAll => self.proxies.iter().for_each(Proxy::cut),
            Fault::HalfOpen => {
                if rng.bool() {
                    proxy.half_open();
                } else {
                    proxy.hold(direction);
                }
            }
            Fault::LostBytes => proxy.drop_bytes(direction),
            Fault::Delay => proxy.delay(direction, Duration::from_millis(rng.u64(1..300))),
            Fault::PausedServer => {
                self.master.pause();
                thread::sleep(span);
                self.master.resume();
            }
            Fault::PausedProcess => self.pause(victim, 2 * span, |_| {}),
            Fault::PausedProcessAndFlush => self.lose(&[victim], |cluster| cluster.pause(victim, span, Self::flush)),
            Fault::KilledProcess => self.replace(victim),
            Fault::KilledWriterAndFailover => {
                self.replace(victim);
                self.lose_all(Self::fail_over);
            }
            Fault::Flush => self.lose_all(Self::flush),
            Fault::TrimmedUnheard => self.lose(&[victim], |cluster| cluster.trim_unheard(victim)),
            Fault::DeletedLog => self.lose_all(|cluster| cluster.on_master(&["DEL", &format!("{{{NAMESPACE}}}:log")])),
            Fault::EvictedValues => self.spoil_values(rng, false),
            Fault::CutValues => self.spoil_values(rng, true),
            Fault::RestartWithData => self.lose_all(|cluster| cluster.master.restart()),
            Fault::RestartWithout => self.lose_all(|cluster| cluster.master.restart_empty()),
            Fault::Failover => self.lose_all(Self::fail_over),
        }
        if fault <= Fault::Delay {
            thread::sleep(span);
        }
        self.proxies.iter().for_each(Proxy::restore);
    }

    fn on_master(&self, command: &[&str]) {
        self.master.command::<redis::Value>(command);
    }

    fn flush(&mut self) {
        self.on_master(&["FLUSHALL"]);
    }

    fn pause(&mut self, victim: usize, span: Duration, meanwhile: impl FnOnce(&mut Self)) {
        self.processes[victim].signal("STOP");
        thread::sleep(span / 2);
        meanwhile(self);
        thread::sleep(span / 2);
        self.processes[victim].signal("CONT");
    }

    /// Removes records that one process has not heard, and others have published.
    fn trim_unheard(&mut self, victim: usize) {
        self.proxies[victim].half_open();
        let published = || -> u64 {
            let others = self.processes.iter().enumerate().filter(|(at, _)| *at != victim);
            others.filter_map(|(_, process)| process.next_figures()).map(|figures| figures["published"]).sum()
        };
        let before = published();
        self.expect("others publish", until(|| published() > before));
        self.on_master(&["XTRIM", &format!("{{{NAMESPACE}}}:log"), "MAXLEN", "0"]);
        self.proxies[victim].restore();
    }

    /// The replica becomes the master. It lacks the last records.
    fn fail_over(&mut self) {
        self.replication.hold(Direction::ToClient);
        let length = |server: &Server| server.command::<u64>(&["XLEN", &format!("{{{NAMESPACE}}}:log")]);
        let (before, master) = (length(&self.master), &self.master);
        self.expect("records are published that the replica lacks", until(|| length(master) > before + 3));
        self.proxies.iter().for_each(Proxy::cut);
        let mut replica = self.replica.take().expect("the last failover has ended");
        replica.promote();
        let port = replica.port();
        self.master = replica;
        self.proxies.iter().for_each(|proxy| {
            proxy.target(port);
            proxy.restore();
        });
        self.replication = Proxy::to(port);
        self.replica = Some(Server::replica_of(self.replication.port()));
    }

    /// Values leave, or become unreadable.
    fn spoil_values(&mut self, rng: &mut Rng, is_cut: bool) {
        let keys: Vec<Vec<u8>> = self.master.command(&["KEYS", &format!("{NAMESPACE}:{SCHEMA}:*")]);
        for key in keys.iter().filter(|_| rng.bool()) {
            if is_cut {
                // The last byte is part of a number or of a list: without it nothing can be read.
                let script = "local v = redis.call('GET', KEYS[1]) \
                              if v then redis.call('SET', KEYS[1], string.sub(v, 1, -2), 'KEEPTTL') end";
                self.master.command::<()>(&[b"EVAL".as_slice(), script.as_bytes(), b"1", key]);
            } else {
                self.master.command::<()>(&[b"DEL".as_slice(), key]);
            }
        }
    }

    fn lose_all(&mut self, lose: impl FnOnce(&mut Self)) {
        let all: Vec<usize> = (0..self.processes.len()).collect();
        self.lose(&all, lose);
    }

    /// Loses records. Each of these processes has to count that.
    fn lose(&mut self, victims: &[usize], lose: impl FnOnce(&mut Self)) {
        for &at in victims {
            let process = &self.processes[at];
            // A process that has heard nothing yet loses nothing.
            let is_live = || process.next_figures().is_some_and(|figures| figures["live"] == 1);
            self.expect(&format!("{} lives again", process.name), until(is_live));
        }
        let counted: Vec<Option<u64>> = victims.iter().map(|&at| self.losses(at)).collect();
        lose(self);
        self.injected_losses += 1;
        for (&at, before) in victims.iter().zip(counted) {
            let name = self.processes[at].name.clone();
            let is_counted = before.is_some() && until(|| self.losses(at) > before);
            self.expect(&format!("{name} counts lost records"), is_counted);
        }
    }

    /// How often a process has found out that it has lost something. All before this call is counted.
    fn losses(&self, at: usize) -> Option<u64> {
        self.processes[at].next_figures().map(|figures| figures["gaps"] + figures["epochs"])
    }
}
