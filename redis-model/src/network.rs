//! Messages between processes and servers. They arrive in any order, and as late as the walk likes.

use std::fmt;

use crate::protocol::{Epoch, Head, Id, Position, Publication, Query, Record, Run, Stored, Time};

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) process: usize,
    /// Unique in the walk. A process ignores answers on connections that it has no more.
    pub(crate) connection: u32,
    pub(crate) server: Run,
    pub(crate) body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Request(Request),
    Reply(Reply),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Request {
    Poll { after: Id, with_head: bool, sent: Time },
    ReadBack { sent: Time },
    Begin { seen: Option<Epoch>, epoch: Epoch },
    Publish { publication: Publication, epoch: Epoch },
    Get { query: Query, flight: u32 },
    Put { query: Query, stored: Stored, flight: u32 },
}

#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Polled(Polled),
    ReadBack(Polled),
    Begun,
    /// Without a position: refused.
    Published {
        publication: Publication,
        position: Option<Position>,
    },
    Got {
        flight: u32,
        stored: Option<Stored>,
    },
    Stored {
        flight: u32,
    },
}

/// The state of the log, and records.
#[derive(Clone)]
pub(crate) struct Polled {
    pub(crate) sent: Time,
    pub(crate) run: Run,
    /// Whether the head was asked for.
    pub(crate) has_head: bool,
    pub(crate) head: Option<Head>,
    pub(crate) records: Vec<Record>,
    pub(crate) last_in_stream: Option<Id>,
    /// Only the oracle reads it.
    pub(crate) is_of_primary: bool,
}

/// Short, for traces.
impl fmt::Debug for Polled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(sent at {}, run {}", self.sent, self.run)?;
        match self.head {
            Some(head) => write!(f, ", head {head:?}")?,
            None if self.has_head => f.write_str(", no head")?,
            None => {}
        }
        if !self.records.is_empty() {
            write!(f, ", {:?}", self.records)?;
        }
        f.write_str(")")
    }
}
