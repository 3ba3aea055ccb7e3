//! The parent.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;
use redis_tests::Proxy;

use crate::{
    children::{Figures, Process},
    database,
    faults::{Fault, Servers},
    oracle::Oracle,
    report::{add, missing, print_table},
    world::{MAX_LAG, now},
};

pub(crate) struct Options {
    pub(crate) seconds: u64,
    pub(crate) processes: usize,
    pub(crate) seed: u64,
}

/// All that can fail.
pub(crate) struct Cluster {
    pub(crate) servers: Servers,
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

/// Whether all was well.
pub(crate) fn run(options: &Options) -> bool {
    let start = Instant::now();
    let mut cluster = Cluster::start(options);
    let mut rng = Rng::with_seed(options.seed);
    let mut progress = start;
    let mut faults = Figures::new();
    let mut deck = Vec::new();
    while start.elapsed() < Duration::from_secs(options.seconds) {
        // All is well for a while.
        thread::sleep(Duration::from_millis(rng.u64(100..1500)));
        if deck.is_empty() {
            deck = Fault::ALL.to_vec();
            rng.shuffle(&mut deck);
        }
        let Some(fault) = deck.pop() else { continue };
        cluster.note(format!("{fault} begins"));
        cluster.suffer(fault, &mut rng);
        cluster.note(format!("{fault} ends"));
        *faults.entry(fault.to_string()).or_default() += 1;
        if progress.elapsed() > Duration::from_secs(5) {
            progress = Instant::now();
            cluster.print_progress(start.elapsed(), &faults);
        }
    }
    cluster.finish(options, &faults, start.elapsed())
}

impl Cluster {
    fn start(options: &Options) -> Self {
        let servers = Servers::start();
        let mut cluster = Self {
            proxies: (0..options.processes).map(|_| Proxy::to(servers.master.port())).collect(),
            servers,
            processes: Vec::new(),
            injected_losses: 0,
            oracle: Arc::new(Mutex::new(Oracle::new())),
            database: database::serve().expect("a port is free"),
            seed: options.seed,
            started: 0,
            ended: Figures::new(),
        };
        for at in 0..options.processes {
            let process = cluster.new_process(at);
            cluster.processes.push(process);
        }
        cluster
    }

    fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new_process(&mut self, at: usize) -> Process {
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

    fn note(&self, words: String) {
        self.oracle().note_fault(now(), words);
    }

    pub(crate) fn expect(&self, what: &str, is_so: bool) {
        if !is_so {
            self.oracle().violate(&format!("in vain: {what}"));
        }
    }

    fn totals(&self) -> Figures {
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

    fn print_progress(&self, elapsed: Duration, faults: &Figures) {
        let totals = self.totals();
        let figure = |name: &str| totals.get(name).copied().unwrap_or(0);
        println!(
            "{:4} s: {} faults, {} calls, {} hits, {} of the second level, {} writes, {} queued, {} gaps, {} epochs, {} violations",
            elapsed.as_secs(),
            faults.values().sum::<u64>(),
            figure("calls"),
            figure("hits"),
            figure("shared_hits"),
            figure("writes"),
            figure("queued"),
            figure("gaps"),
            figure("epochs"),
            self.oracle().violations
        );
    }

    /// All is well by itself now, and a new process finds nothing old in the second level.
    fn finish(mut self, options: &Options, faults: &Figures, elapsed: Duration) -> bool {
        self.processes.iter_mut().for_each(|process| process.command("drain"));
        for at in 0..self.processes.len() {
            let drained = self.processes[at].has_done("drained");
            self.expect(&format!("{} publishes all and lives again", self.processes[at].name), drained);
        }
        // From here on nothing old may be shown.
        thread::sleep(MAX_LAG);
        self.proxies.push(Proxy::to(self.servers.master.port()));
        let mut fresh = self.new_process(options.processes);
        fresh.command("drain");
        self.expect("a new process has heard all", fresh.has_done("drained"));
        self.processes.push(fresh);
        thread::sleep(MAX_LAG);
        self.processes.iter_mut().for_each(|process| process.command("read"));
        for process in &self.processes {
            self.expect(&format!("{} reads all", process.name), process.has_done("read"));
        }
        let mut totals = self.totals();
        let found = self.processes.last().map_or(0, |fresh| fresh.figures()["shared_hits"]);
        totals.insert("hits_of_a_new_one".to_owned(), found);
        totals.insert("server_restarts".to_owned(), restarts(faults));
        let mut faults = faults.clone();
        faults.insert("total".to_owned(), faults.values().sum());
        print_table("faults", &faults);
        print_table("all processes", &totals);
        let violations = self.oracle().violations;
        let missing = missing(&totals);
        if !missing.is_empty() {
            println!("it tested too little: there were no {}", missing.join(", "));
        }
        println!(
            "{violations} violations in {} s with {} processes and seed {}",
            elapsed.as_secs(),
            options.processes,
            options.seed
        );
        self.processes.into_iter().for_each(|process| drop(process.kill()));
        violations == 0 && missing.is_empty()
    }
}

fn restarts(faults: &Figures) -> u64 {
    [Fault::RestartWithData, Fault::RestartWithout].iter().filter_map(|fault| faults.get(&fault.to_string())).sum()
}
