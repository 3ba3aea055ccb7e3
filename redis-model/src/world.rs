//! All there is: processes, servers, the network between them, the database, and the oracle.

use crate::mechanism::Mechanisms;
use crate::network::{Body, Message};
use crate::oracle::Oracle;
use crate::process::Process;
use crate::redis::{Data, Server};
use crate::step::{Step, Work};
use crate::trace::Trace;
use crate::walk::Counts;
use crate::words::{HOLD, MAX_LAG, PROCESSES, Query, Time};

/// Within how many rounds all must be well again. With most writes in a walk it takes some hundreds.
const ROUNDS: usize = 5_000;

/// What everything takes part in.
#[derive(Debug)]
pub(crate) struct Env {
    pub(crate) now: Time,
    pub(crate) mechanisms: Mechanisms,
    pub(crate) network: Vec<Message>,
    /// The database: of each row, how often it was written.
    pub(crate) rows: [u32; 2],
    pub(crate) oracle: Oracle,
    pub(crate) counts: Counts,
    pub(crate) trace: Trace,
    last_number: u32,
}

impl Env {
    /// In place of a random number: another one each time.
    pub(crate) fn next_number(&mut self) -> u32 {
        self.last_number += 1;
        self.last_number
    }
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) env: Env,
    pub(crate) processes: [Process; PROCESSES],
    pub(crate) primary: Server,
    pub(crate) demoted: Option<Server>,
    pub(crate) replica: Data,
    pub(crate) saved: Data,
}

impl World {
    pub(crate) fn new(mechanisms: Mechanisms, trace: Trace) -> Self {
        let mut env = Env {
            now: MAX_LAG,
            mechanisms,
            network: Vec::new(),
            rows: [0; 2],
            oracle: Oracle::default(),
            counts: Counts::default(),
            trace,
            last_number: 0,
        };
        let primary = Server { run: env.next_number(), is_demoted: false, data: Data::default() };
        let processes = std::array::from_fn(|index| Process::new(index, env.next_number()));
        Self { env, processes, primary, demoted: None, replica: Data::default(), saved: Data::default() }
    }

    pub(crate) fn step(&mut self, step: Step) {
        self.env.trace.begin(self.env.now, step);
        match step {
            Step::Tick(count) => (0..count).for_each(|_| self.tick()),
            Step::Network(pick) => self.deliver(pick.into()),
            Step::Fault(fault) => self.fail(fault),
            Step::Call(process, query) => self.with(process, |process, env| process.call(query, env)),
            Step::Write(process, row) => self.with(process, |process, env| process.write(row, false, env)),
            Step::AnnouncedWrite(process, row) => self.with(process, |process, env| process.write(row, true, env)),
            Step::Work(process, work) => self.work(process, work),
            Step::Hurry(process, work, count) => (0..count).for_each(|_| self.hurry(process, work)),
        }
    }

    /// Whether a step does something.
    pub(crate) fn is_possible(&self, step: Step) -> bool {
        match step {
            Step::Tick(_) | Step::Fault(_) => true,
            Step::Network(_) => !self.env.network.is_empty(),
            Step::Call(process, _) | Step::Write(process, _) | Step::AnnouncedWrite(process, _) => {
                !self.processes[process].is_paused(self.env.now)
            }
            Step::Work(process, work) | Step::Hurry(process, work, _) => {
                let process = &self.processes[process];
                !process.is_paused(self.env.now) && process.has(work)
            }
        }
    }

    fn work(&mut self, process: usize, work: Work) {
        let run = self.primary.run;
        self.with(process, |process, env| match work {
            Work::Follow => process.follow(run, env),
            Work::Load(pick) => process.load(pick.into(), env),
            Work::Write(pick) => process.continue_write(pick.into(), env),
            Work::SendQueued => process.send_queued(env),
        });
    }

    fn hurry(&mut self, process: usize, work: Work) {
        self.work(process, work);
        // A request, and its reply.
        for _ in 0..2 {
            if let Some(index) = self.env.network.iter().rposition(|message| message.process == process) {
                self.deliver(index);
            }
        }
    }

    /// Lets a process do something, unless it is paused.
    fn with(&mut self, process: usize, run: impl FnOnce(&mut Process, &mut Env)) {
        let process = &mut self.processes[process];
        if !process.is_paused(self.env.now) {
            run(process, &mut self.env);
        }
    }

    fn tick(&mut self) {
        self.env.now += 1;
        for process in &mut self.processes {
            process.tick(&mut self.env);
        }
    }

    /// A server executes a request, or a process gets a reply.
    fn deliver(&mut self, pick: usize) {
        if self.env.network.is_empty() {
            return;
        }
        let index = pick % self.env.network.len();
        let Message { process, connection, server, .. } = self.env.network[index];
        if matches!(self.env.network[index].body, Body::Reply(_)) && self.processes[process].is_paused(self.env.now) {
            return;
        }
        let message = self.env.network.remove(index);
        match message.body {
            Body::Reply(reply) => {
                if self.processes[process].is_connected_by(connection) {
                    self.env.trace.note(|| format!("process {process} gets {reply:?}"));
                    self.processes[process].receive(reply, &mut self.env);
                }
            }
            Body::Request(request) => {
                let servers = [Some(&mut self.primary), self.demoted.as_mut()];
                let Some(server) = servers.into_iter().flatten().find(|found| found.run == server) else { return };
                self.env.trace.note(|| format!("server {} executes for process {process}: {request:?}", server.run));
                let reply = server.execute(request, &mut self.env);
                self.env.oracle.log_changed(&self.primary.data, self.env.now);
                self.env.network.push(Message { body: Body::Reply(reply), ..message });
            }
        }
    }

    /// All is healed, and what has begun comes to its end. Then each process is asked for everything.
    pub(crate) fn settle(&mut self) {
        self.env.trace.begin_settling();
        self.demoted = None;
        for process in &mut self.processes {
            process.pause(0);
            process.disconnect();
        }
        self.tick();
        self.run_until_idle();
        (0..2 * MAX_LAG + HOLD).for_each(|_| self.tick());
        self.run_until_idle();
        self.env.oracle.is_settled = true;
        for process in &mut self.processes {
            for query in Query::ALL {
                process.call(query, &mut self.env);
            }
        }
        self.run_until_idle();
    }

    /// Everything in turn, until all know of everything that was before this.
    fn run_until_idle(&mut self) {
        let begin = self.env.now;
        for round in 0..ROUNDS {
            let is_idle = |process: &Process| process.is_idle(begin);
            if self.env.oracle.violation.is_some()
                || (self.env.network.is_empty() && self.processes.iter().all(is_idle))
            {
                return;
            }
            for process in &mut self.processes {
                if !is_idle(process) {
                    process.follow(self.primary.run, &mut self.env);
                }
                process.load(round, &mut self.env);
                process.continue_write(round, &mut self.env);
                process.send_queued(&mut self.env);
            }
            (0..4).for_each(|_| self.deliver(0));
            if round % 8 == 7 {
                self.tick();
            }
        }
        self.env.oracle.violation = Some("P22: all is healed, and not all is well".into());
    }
}
