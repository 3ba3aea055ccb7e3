//! The parent: one fault after another, until the time is over.

use std::{
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;
use redis_tests::Proxy;

use crate::{
    children::Figures,
    cluster::Cluster,
    faults::Fault,
    report::{missing, print_table},
    world::MAX_LAG,
};

pub(crate) struct Options {
    pub(crate) seconds: u64,
    pub(crate) processes: usize,
    pub(crate) seed: u64,
}

/// Whether all was well.
pub(crate) fn run(options: &Options) -> bool {
    let start = Instant::now();
    let mut cluster = Cluster::start(options.processes, options.seed);
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
        self.proxies.push(Proxy::to(self.master.port()));
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
