//! How often something happened in walks.

use std::ops::AddAssign;

use crate::oracle::Excused;

/// How often something happened: walks in which nothing happens prove nothing.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counts {
    /// Calls of cached queries.
    pub calls: u64,
    /// Answers from memory, also to loads.
    pub hits: u64,
    /// Calls that joined a load in flight.
    pub joins: u64,
    /// Answers of the second level.
    pub second_level_hits: u64,
    /// Reads of the database.
    pub loads: u64,
    /// Answers that were older than promised, by what is not promised.
    pub excused: Excused,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.hits += other.hits;
        self.joins += other.joins;
        self.second_level_hits += other.second_level_hits;
        self.loads += other.loads;
        self.excused.died += other.excused.died;
        self.excused.split_brain += other.excused.split_brain;
        self.excused.went_back += other.excused.went_back;
    }
}
