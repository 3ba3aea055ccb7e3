//! All that can fail: the servers, the processes, and the proxies between them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis_tests::{Proxy, Server};

use crate::{
    children::{Figures, Process},
    database,
    oracle::Oracle,
    report::add,
    world::now,
};

pub(crate) struct Cluster {
    /// The server that has the cache.
    pub(crate) master: Server,
    /// It may lag. `None` while there is no other server.
    pub(crate) replica: Option<Server>,
    /// Between these two.
    pub(crate) replication: Proxy,
    /// One for each process.
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) processes: Vec<Process>,
    pub(crate) injected_losses: u64,
    oracle: Arc<Mutex<Oracle>>,
    database: u16,
    seed: u64,
    started: u64,
    /// Of processes that have ended.
    ended: Figures,
}

impl Cluster {
    pub(crate) fn start(processes: usize, seed: u64) -> Self {
        let master = Server::start_with(&["--save", "", "--appendonly", "yes"]);
        let replication = Proxy::to(master.port());
        let mut cluster = Self {
            proxies: (0..processes).map(|_| Proxy::to(master.port())).collect(),
            replica: Some(Server::replica_of(replication.port())),
            master,
            replication,
            processes: Vec::new(),
            injected_losses: 0,
            oracle: Arc::new(Mutex::new(Oracle::new())),
            database: database::serve().expect("a port is free"),
            seed,
            started: 0,
            ended: Figures::new(),
        };
        for at in 0..processes {
            let process = cluster.new_process(at);
            cluster.processes.push(process);
        }
        cluster
    }

    pub(crate) fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn new_process(&mut self, at: usize) -> Process {
        self.started += 1;
        let (number, url) = (self.started, self.proxies[at].url());
        Process::start(format!("process {number}"), &url, self.database, number, self.seed, &self.oracle)
    }

    /// Kills a process, and starts another in its place.
    pub(crate) fn replace(&mut self, at: usize) {
        let new = self.new_process(at);
        let old = std::mem::replace(&mut self.processes[at], new);
        add(&mut self.ended, &old.kill());
    }

    pub(crate) fn note(&self, words: String) {
        self.oracle().note_fault(now(), words);
    }

    pub(crate) fn expect(&self, what: &str, is_so: bool) {
        if !is_so {
            self.oracle().violate(&format!("in vain: {what}"));
        }
    }

    pub(crate) fn totals(&self) -> Figures {
        let mut totals = self.ended.clone();
        self.processes.iter().for_each(|process| add(&mut totals, &process.figures()));
        // They are of now, not totals.
        totals.remove("live");
        totals.remove("unpublished");
        totals.insert("processes".to_owned(), self.started);
        totals.insert("injected_losses".to_owned(), self.injected_losses);
        totals.insert("checked_answers".to_owned(), self.oracle().checked);
        totals
    }
}
