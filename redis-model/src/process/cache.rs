//! What a process has of the cache, and its connection to Redis.

use crate::env::Env;
use crate::mechanism::Mechanism;
use crate::network::{Body, Message, Request};
use crate::process::heard::Heard;
use crate::process::memory::Memory;
use crate::process::outbox::Outbox;
use crate::protocol::{Kind, Position, Publication, Run, Stored};

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: u32,
    pub(super) server: Run,
    /// Nothing arrives, and nobody is told.
    is_half_open: bool,
}

#[derive(Default, Debug)]
pub(super) struct Cache {
    pub(super) process: usize,
    /// Unique in the walk: a process that starts anew is another.
    pub(super) id: u32,
    pub(super) connection: Option<Connection>,
    pub(super) memory: Memory,
    pub(super) heard: Heard,
    pub(super) outbox: Outbox,
}

impl Cache {
    /// The connection, unless it is half open.
    pub(super) fn live_connection(&self) -> Option<&Connection> {
        self.connection.as_ref().filter(|connection| !connection.is_half_open)
    }

    pub(super) fn connect(&mut self, server: Run, env: &mut Env) {
        self.connection = Some(Connection { id: env.next_number(), server, is_half_open: false });
    }

    pub(super) fn disconnect(&mut self) {
        self.connection = None;
        self.outbox.lose_answers();
    }

    pub(super) fn half_open(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.is_half_open = true;
        }
    }

    /// Whether there is a connection to send on.
    pub(super) fn send(&self, request: Request, env: &mut Env) -> bool {
        let Some(connection) = &self.connection else { return false };
        if !connection.is_half_open {
            env.network.push(Message {
                process: self.process,
                connection: connection.id,
                server: connection.server,
                body: Body::Request(request),
            });
        }
        true
    }

    pub(super) fn publish(&self, publication: Publication, env: &mut Env) -> bool {
        let epoch = if env.mechanisms.has(Mechanism::PublishAfterRestart) {
            self.heard.applied.map(|applied| applied.epoch)
        } else {
            self.heard.read.map(|read| read.epoch)
        };
        epoch.is_some_and(|epoch| self.send(Request::Publish { publication, epoch }, env))
    }

    /// One of what is queued is sent.
    pub(super) fn send_queued(&mut self, env: &mut Env) {
        if let Some(publication) = self.outbox.first_unsent() {
            let is_sent = self.publish(publication, env);
            self.outbox.set_sent(publication, is_sent);
        }
    }

    /// Redis has written a publication, or refused it. Intents are not queued.
    pub(super) fn was_published(&mut self, publication: Publication, position: Option<Position>, env: &mut Env) {
        match position {
            _ if publication.kind == Kind::Intent => {}
            Some(position) => {
                self.heard.record(position, publication.targets);
                self.outbox.acknowledge(publication);
                env.oracle.acknowledged(publication.token, position, env.now);
            }
            None => self.outbox.set_sent(publication, false),
        }
    }

    /// Whether a value of the second level shows all that this process has heard of, and all that it has written itself.
    pub(super) fn accepts(&self, stored: &Stored, env: &Env) -> bool {
        self.heard.accepts(stored, env) && !self.outbox.is_pending(stored.depends_on)
    }
}
