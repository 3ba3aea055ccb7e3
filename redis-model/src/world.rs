//! The whole of the model: processes, servers, and what they act on. Steps change it.

use crate::env::Env;
use crate::mechanism::Mechanisms;
use crate::network::{Body, Message};
use crate::process::{Process, Work};
use crate::protocol::{HOLD, MAX_LAG, PROCESSES, Query};
use crate::redis::{Data, Server};
use crate::trace::Trace;

/// Within how many rounds all must be well again. With most writes in a walk it takes some hundreds.
const ROUNDS: usize = 5_000;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) env: Env,
    pub(crate) processes: [Process; PROCESSES],
    pub(crate) primary: Server,
    demoted: Option<Server>,
    pub(crate) replica: Data,
    pub(crate) saved: Data,
}

impl World {
    pub(crate) fn new(mechanisms: Mechanisms, trace: Trace) -> Self {
        let mut env = Env::new(mechanisms, trace);
        let primary = Server { run: env.next_number(), is_demoted: false, data: Data::default() };
        let processes = std::array::from_fn(|index| Process::new(index, env.next_number()));
        Self { env, processes, primary, demoted: None, replica: Data::default(), saved: Data::default() }
    }

    /// Lets a process do something, unless it is paused.
    pub(crate) fn with(&mut self, process: usize, run: impl FnOnce(&mut Process, &mut Env)) {
        let process = &mut self.processes[process];
        if !process.is_paused(self.env.now) {
            run(process, &mut self.env);
        }
    }

    pub(crate) fn work(&mut self, process: usize, work: Work) {
        let run = self.primary.run;
        self.with(process, |process, env| process.work(work, run, env));
    }

    /// One step of work, and the messages that follow it.
    pub(crate) fn hurry(&mut self, process: usize, work: Work) {
        self.work(process, work);
        // A request, and its reply.
        for _ in 0..2 {
            if let Some(index) = self.env.network.iter().rposition(|message| message.process == process) {
                self.deliver(index);
            }
        }
    }

    pub(crate) fn tick(&mut self) {
        self.env.now += 1;
        for process in &mut self.processes {
            process.tick(&mut self.env);
        }
    }

    /// A server executes a request, or a process gets a reply.
    pub(crate) fn deliver(&mut self, pick: usize) {
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
                self.log_changed();
                self.env.network.push(Message { body: Body::Reply(reply), ..message });
            }
        }
    }

    pub(crate) fn log_changed(&mut self) {
        self.env.oracle.log_changed(|token| self.primary.data.has_intent(token), self.env.now);
    }

    /// The primary ends, and a server with these data is in its place.
    pub(crate) fn restart(&mut self, data: Data) {
        let old = self.replace_primary(data);
        self.disconnect_from(&old);
    }

    /// As [`restart`](Self::restart), but the old primary stays, with its connections.
    pub(crate) fn split(&mut self, data: Data) {
        self.heal();
        let demoted = Server { is_demoted: true, ..self.replace_primary(data) };
        self.demoted = Some(demoted);
    }

    /// The old primary ends.
    pub(crate) fn heal(&mut self) {
        if let Some(demoted) = self.demoted.take() {
            self.disconnect_from(&demoted);
        }
    }

    fn replace_primary(&mut self, data: Data) -> Server {
        let new = Server { run: self.env.next_number(), is_demoted: false, data };
        std::mem::replace(&mut self.primary, new)
    }

    fn disconnect_from(&mut self, server: &Server) {
        for process in &mut self.processes {
            process.disconnect_from(server.run);
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
                let follow = (!is_idle(process)).then_some(Work::Follow);
                for work in follow.into_iter().chain([Work::Load(round), Work::Write(round), Work::SendQueued]) {
                    process.work(work, self.primary.run, &mut self.env);
                }
            }
            (0..4).for_each(|_| self.deliver(0));
            if round % 8 == 7 {
                self.tick();
            }
        }
        self.env.oracle.violation = Some("P22: all is healed, and not all is well".into());
    }
}
