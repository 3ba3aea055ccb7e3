//! A server: the head and the stream of the log, the values of the second level, and the scripts.

use std::collections::VecDeque;

use crate::env::Env;
use crate::mechanism::Mechanism;
use crate::network::{Polled, Reply, Request};
use crate::protocol::{Epoch, Head, Id, Kind, POLL_LIMIT, Position, Publication, Query, Record, Run, Stored, Token};

#[derive(Clone, Default, Debug)]
pub(crate) struct Stream {
    pub(crate) records: VecDeque<Record>,
    last: Id,
}

/// What is lost, kept, copied to a replica or saved as a whole.
#[derive(Clone, Default, Debug)]
pub(crate) struct Data {
    pub(crate) head: Option<Head>,
    pub(crate) log: Option<Stream>,
    pub(crate) values: [Option<Stored>; Query::COUNT],
}

impl Data {
    pub(crate) fn has_intent(&self, token: Token) -> bool {
        let mut publications = self.log.iter().flat_map(|log| &log.records).map(|record| record.publication);
        publications.any(|publication| publication.token == token && publication.kind == Kind::Intent)
    }

    /// The head and the stream as they were before the last record.
    pub(crate) fn lose_last(&mut self) -> Option<(Publication, Position)> {
        let (head, log) = (self.head.as_mut()?, self.log.as_mut()?);
        let lost = log.records.pop_back()?;
        (head.id, head.nonce) = (lost.id - 1, lost.predecessor);
        log.last = head.id;
        Some((lost.publication, Position { epoch: head.epoch, id: lost.id }))
    }
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) run: Run,
    /// A replica has become the primary, and this one has not noticed.
    pub(crate) is_demoted: bool,
    pub(crate) data: Data,
}

impl Server {
    /// Runs a request as one atomic script.
    pub(crate) fn execute(&mut self, request: Request, env: &mut Env) -> Reply {
        match request {
            Request::Poll { after, with_head, sent } => Reply::Polled(self.poll(after, with_head, sent)),
            Request::ReadBack { sent } => Reply::ReadBack(self.poll(0, true, sent)),
            Request::Begin { seen, epoch } => {
                self.begin(seen, epoch, env);
                Reply::Begun
            }
            Request::Publish { publication, epoch } => {
                Reply::Published { publication, position: self.publish(publication, epoch, env) }
            }
            Request::Get { query, flight } => Reply::Got { flight, stored: self.data.values[query.index()] },
            Request::Put { query, stored, flight } => {
                self.data.values[query.index()] = Some(stored);
                Reply::Stored { flight }
            }
        }
    }

    fn poll(&self, after: Id, with_head: bool, sent: u32) -> Polled {
        let limit = if after == 0 { usize::MAX } else { POLL_LIMIT };
        let records = self.data.log.iter().flat_map(|log| &log.records).filter(|record| record.id > after);
        Polled {
            sent,
            run: self.run,
            has_head: with_head,
            head: self.data.head.filter(|_| with_head),
            records: records.take(limit).copied().collect(),
            last_in_stream: self.data.log.as_ref().map(|log| log.last),
            is_of_primary: !self.is_demoted,
        }
    }

    /// Begins an epoch, if the head is still the one that was seen.
    fn begin(&mut self, seen: Option<Epoch>, epoch: Epoch, env: &mut Env) {
        if self.data.head.map(|head| head.epoch) == seen {
            self.data.log = Some(Stream::default());
            self.data.head = Some(Head { epoch, id: 0, nonce: env.next_number(), run: self.run });
        }
    }

    fn publish(&mut self, publication: Publication, epoch: Epoch, env: &mut Env) -> Option<Position> {
        let refuses = env.mechanisms.has(Mechanism::RefuseToCreate);
        if self.data.head.is_none() && !refuses {
            self.data.head = Some(Head { epoch, id: 0, nonce: env.next_number(), run: self.run });
            self.data.log = None;
        }
        let head = self.data.head.as_mut().filter(|head| head.epoch == epoch)?;
        if refuses && self.data.log.as_ref().is_none_or(|log| log.last != head.id) {
            return None;
        }
        let record = Record { id: head.id + 1, nonce: env.next_number(), predecessor: head.nonce, publication };
        (head.id, head.nonce) = (record.id, record.nonce);
        let log = self.data.log.get_or_insert_default();
        log.last = record.id;
        log.records.push_back(record);
        let position = Position { epoch, id: record.id };
        env.oracle.written(publication, position, !self.is_demoted, env.now);
        Some(position)
    }
}
