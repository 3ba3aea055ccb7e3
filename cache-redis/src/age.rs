//! Which records of the log are too old.

use std::collections::VecDeque;
use std::time::Duration;

/// Marks per age: a record is removed at most a sixteenth of the age too late.
const MARKS: u32 = 16;

/// Remembers where the log ended when, because its ids are no times.
#[derive(Debug)]
pub(crate) struct Ages {
    max_age: Duration,
    epoch: u64,
    /// Times, and the last id then: oldest first.
    marks: VecDeque<(Duration, u64)>,
}

impl Ages {
    pub(crate) fn new(max_age: Duration) -> Self {
        Self { max_age, epoch: 0, marks: VecDeque::new() }
    }

    /// The log ends with an id. Returns the epoch, and the oldest id of which that is not too old, if something has become
    /// so.
    pub(crate) fn mark(&mut self, now: Duration, epoch: u64, last: u64) -> Option<(u64, u64)> {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.marks.clear();
        }
        if self.marks.back().is_none_or(|&(at, _)| now.saturating_sub(at) >= self.max_age / MARKS) {
            self.marks.push_back((now, last));
        }
        let mut oldest = None;
        while let Some(&(at, id)) = self.marks.front()
            && now.saturating_sub(at) >= self.max_age
        {
            self.marks.pop_front();
            oldest = Some(id);
        }
        // The record with this id stays: of a log that is idle, one is left.
        oldest.map(|oldest| (epoch, oldest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_was_the_end_an_age_ago_is_the_oldest() {
        let mut ages = Ages::new(seconds(160));
        for now in 0..160 {
            assert_eq!(ages.mark(seconds(now), 7, now * 100), None);
        }
        assert_eq!(ages.mark(seconds(160), 7, 16_000), Some((7, 0)));
        assert_eq!(ages.mark(seconds(161), 7, 16_100), None);
        assert_eq!(ages.mark(seconds(170), 7, 17_000), Some((7, 1000)));
        // After a pause, of all that are too old.
        assert_eq!(ages.mark(seconds(1000), 7, 17_000), Some((7, 17_000)));
    }

    #[test]
    fn ids_of_another_epoch_are_forgotten() {
        let mut ages = Ages::new(seconds(160));
        assert_eq!(ages.mark(seconds(0), 7, 500), None);
        assert_eq!(ages.mark(seconds(200), 8, 3), None);
        assert_eq!(ages.mark(seconds(400), 8, 3), Some((8, 3)));
    }
}
