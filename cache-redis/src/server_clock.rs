//! What a process knows of the server's clock.

use std::time::Duration;

/// How much faster than ours the server's clock may run, at most, is our time divided by this; likewise slower.
const DRIFT: u32 = 2000;

/// Bounds of the server's clock, as offsets to a clock of our own. Times are counted from an origin that each clock has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ServerClock {
    /// When, by our clock, the server's time was between the bounds.
    at: Duration,
    low: Duration,
    high: Duration,
}

impl ServerClock {
    /// From an answer with the server's time to a question, and the times between which it was on its way.
    pub(crate) fn new(sent: Duration, received: Duration, server_time: Duration) -> Self {
        // The server's time may be rounded down to a microsecond.
        let high = server_time + received.saturating_sub(sent) + Duration::from_micros(1);
        Self { at: received, low: server_time, high }
    }

    /// With what a later answer tells.
    #[must_use]
    pub(crate) fn narrowed_by(self, later: Self) -> Self {
        let low = self.earliest(later.at).max(later.low);
        let high = self.latest(later.at).min(later.high);
        // Otherwise the server's clock was set meanwhile.
        if low <= high { Self { at: later.at, low, high } } else { later }
    }

    /// The server's time is at least this.
    pub(crate) fn earliest(self, now: Duration) -> Duration {
        let (since, until) = (now.saturating_sub(self.at), self.at.saturating_sub(now));
        (self.low + since).saturating_sub(since / DRIFT + until + until / DRIFT)
    }

    /// The server's time is at most this. `now` is not before the bounds were found.
    pub(crate) fn latest(self, now: Duration) -> Duration {
        let since = now.saturating_sub(self.at);
        self.high + since + since / DRIFT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_time_is_between_question_and_answer() {
        let clock = ServerClock::new(ms(10), ms(14), ms(1000));
        assert_eq!(clock.earliest(ms(14)), ms(1000));
        assert_eq!(clock.latest(ms(14)), ms(1004) + Duration::from_micros(1));
    }

    #[test]
    fn bounds_part_with_time() {
        let clock = ServerClock::new(ms(10), ms(14), ms(1000));
        assert_eq!(clock.earliest(ms(2014)), ms(2999));
        assert_eq!(clock.latest(ms(2014)), ms(3005) + Duration::from_micros(1));
        // Before the answer, for what was asked before.
        assert_eq!(clock.earliest(ms(4)), Duration::from_micros(989_995));
    }

    #[test]
    fn a_better_answer_narrows_the_bounds_and_a_worse_one_does_not_widen_them() {
        let wide = ServerClock::new(ms(0), ms(100), ms(1000));
        let tight = ServerClock::new(ms(199), ms(200), ms(1150));
        assert_eq!(wide.narrowed_by(tight), tight);
        let after = tight.narrowed_by(ServerClock::new(ms(200), ms(300), ms(1200)));
        assert_eq!(after.earliest(ms(300)), Duration::from_micros(1_249_950));
        assert!(after.latest(ms(300)) < ms(1252));
    }

    #[test]
    fn a_step_of_the_clock_replaces_the_bounds() {
        let before = ServerClock::new(ms(0), ms(1), ms(1000));
        for stepped in [ms(500), ms(5000)] {
            let after = ServerClock::new(ms(100), ms(101), stepped);
            assert_eq!(before.narrowed_by(after), after);
        }
    }
}
