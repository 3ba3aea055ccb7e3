//! What processes and servers act on and report to: time, the network, the database, and the oracle.

use crate::counts::Counts;
use crate::mechanism::Mechanisms;
use crate::network::Message;
use crate::oracle::Oracle;
use crate::protocol::{MAX_LAG, Time};
use crate::trace::Trace;

#[derive(Default, Debug)]
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
    pub(crate) fn new(mechanisms: Mechanisms, trace: Trace) -> Self {
        Self { now: MAX_LAG, mechanisms, trace, ..Self::default() }
    }

    /// In place of a random number: another one each time.
    pub(crate) fn next_number(&mut self) -> u32 {
        self.last_number += 1;
        self.last_number
    }
}
