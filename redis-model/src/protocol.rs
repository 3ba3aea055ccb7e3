//! What processes and servers exchange, and the bounds that they agree on.

use std::fmt;

/// Moments of the model's clock.
pub(crate) type Time = u32;
pub(crate) type Epoch = u32;
pub(crate) type Id = u32;
/// A process that a server was, until it restarts.
pub(crate) type Run = u32;
/// A write of the database; also its publication.
pub(crate) type Token = usize;

pub(crate) const PROCESSES: usize = 3;
/// How much later than its acknowledgement a write may be heard of.
pub(crate) const MAX_LAG: Time = 10;
/// The bound of each request, but for polls.
pub(crate) const TIMEOUT: Time = 4;
/// After this, a poll without an answer ends its connection.
pub(crate) const POLL_TIMEOUT: Time = 6;
/// How long an intent holds, after it was heard.
pub(crate) const HOLD: Time = 25;
/// How many records one poll answers.
pub(crate) const POLL_LIMIT: usize = 2;

/// A cached query. Each has one entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Query {
    /// Reads row 0.
    Inner,
    /// Reads row 1.
    Other,
    /// Reads [`Inner`](Self::Inner) through the cache, and then row 1.
    Outer,
}

impl Query {
    pub(crate) const COUNT: usize = 3;
    pub(crate) const ALL: [Self; Self::COUNT] = [Self::Inner, Self::Other, Self::Outer];

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// A set of what can be invalidated: here, queries.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Targets(u8);

impl Targets {
    pub(crate) fn of(query: Query) -> Self {
        Self(1 << query.index())
    }

    /// What a write to a row invalidates: the queries that read the row themselves. A write to row 0 does not name
    /// [`Query::Outer`], which reads it through the cache.
    pub(crate) fn of_row(row: usize) -> Self {
        if row == 0 { Self::of(Query::Inner) } else { Self::of(Query::Other).with(Self::of(Query::Outer)) }
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn indices(self) -> impl Iterator<Item = usize> {
        (0..Query::COUNT).filter(move |index| self.0 & (1 << index) != 0)
    }
}

/// Of each row that was read, how many writes to it are seen.
pub(crate) type Value = [Option<u32>; 2];

/// What is not promised and has had a part in a value. Only the oracle reads it.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Doubt {
    pub(crate) split_brain: bool,
    pub(crate) went_back: bool,
}

impl Doubt {
    pub(crate) fn with(self, other: Self) -> Self {
        Self { split_brain: self.split_brain || other.split_brain, went_back: self.went_back || other.went_back }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) epoch: Epoch,
    pub(crate) id: Id,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// That a write will happen.
    Intent,
    /// That a write has happened.
    Write,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Publication {
    pub(crate) token: Token,
    pub(crate) targets: Targets,
    pub(crate) kind: Kind,
}

/// The end of the log.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub(crate) epoch: Epoch,
    pub(crate) id: Id,
    pub(crate) nonce: u32,
    pub(crate) run: Run,
}

/// A record of the log.
#[derive(Clone, Copy)]
pub(crate) struct Record {
    pub(crate) id: Id,
    pub(crate) nonce: u32,
    pub(crate) predecessor: u32,
    pub(crate) publication: Publication,
}

/// A value of the second level.
#[derive(Clone, Copy)]
pub(crate) struct Stored {
    pub(crate) born: Position,
    pub(crate) depends_on: Targets,
    pub(crate) value: Value,
    pub(crate) doubt: Doubt,
}

/// Short, for traces.
impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.indices().map(|index| Query::ALL[index])).finish()
    }
}

/// Short, for traces.
impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.id)
    }
}

/// Short, for traces.
impl fmt::Debug for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Kind::Intent => "intent of write",
            Kind::Write => "write",
        };
        write!(f, "{what} {} invalidates {:?}", self.token, self.targets)
    }
}

/// Short, for traces.
impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} nonce {} of run {}", self.epoch, self.id, self.nonce, self.run)
    }
}

/// Short, for traces.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} nonce {} after {}: {:?}", self.id, self.nonce, self.predecessor, self.publication)
    }
}

/// Short, for traces.
impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} born at {:?}, depends on {:?}", self.value, self.born, self.depends_on)
    }
}
