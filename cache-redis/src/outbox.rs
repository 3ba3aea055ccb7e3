//! What is to be published, and what was published lately.

use std::collections::VecDeque;
use std::time::Duration;

use cache_core::{Follower, LogPosition, TierError};
use tokio::sync::oneshot;

/// The most that is kept for [`Follower::KEPT`].
const MAX_KEPT: usize = 65_536;

/// The most that one pipeline publishes.
const MAX_BATCH: usize = 256;

/// A record on its way into the log.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) record: Vec<u8>,
    pub(crate) is_intent: bool,
    /// None: it was acknowledged in an earlier epoch.
    pub(crate) caller: Option<Caller>,
}

/// Who is told that it was published.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) token: u64,
    pub(crate) reply: oneshot::Sender<Result<LogPosition, TierError>>,
}

impl Outgoing {
    /// Whether nobody may hear it any more: its caller had to give up.
    fn is_abandoned(&self) -> bool {
        self.is_intent && self.caller.as_ref().is_some_and(|caller| caller.reply.is_closed())
    }
}

#[derive(Debug)]
struct Kept {
    at: Duration,
    record: Vec<u8>,
    is_intent: bool,
}

/// In the order in which it is published.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Outgoing>,
    kept: VecDeque<Kept>,
    /// That of what is kept.
    epoch: Option<u64>,
}

impl Outbox {
    pub(crate) fn push(&mut self, outgoing: Outgoing) {
        self.queue.push_back(outgoing);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The log is in order, in an epoch. If that is another one, what was kept is published again, before all else.
    pub(crate) fn enter(&mut self, epoch: u64, now: Duration) {
        if self.epoch.replace(epoch).is_some_and(|before| before != epoch) {
            self.forget_old(now);
            for Kept { record, is_intent, .. } in self.kept.drain(..).rev() {
                self.queue.push_front(Outgoing { record, is_intent, caller: None });
            }
        }
    }

    /// Takes what is to be published next.
    pub(crate) fn take_batch(&mut self) -> Vec<Outgoing> {
        let mut batch = Vec::new();
        while batch.len() < MAX_BATCH
            && let Some(outgoing) = self.queue.pop_front()
        {
            if !outgoing.is_abandoned() {
                batch.push(outgoing);
            }
        }
        batch
    }

    /// Gives back what may not have been published. It is published again, but for intents: their callers are told.
    pub(crate) fn give_back(&mut self, batch: impl DoubleEndedIterator<Item = Outgoing>, why: &TierError) {
        for outgoing in batch.rev() {
            match outgoing.caller {
                Some(caller) if outgoing.is_intent => drop(caller.reply.send(Err(why.clone()))),
                _ => self.queue.push_front(outgoing),
            }
        }
    }

    /// Keeps what was published in an epoch.
    pub(crate) fn keep(&mut self, record: Vec<u8>, is_intent: bool, epoch: u64, now: Duration) {
        if self.epoch != Some(epoch) {
            // The next one was entered before the acknowledgement came.
            self.queue.push_back(Outgoing { record, is_intent, caller: None });
            return;
        }
        self.forget_old(now);
        if self.kept.len() == MAX_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(Kept { at: now, record, is_intent });
    }

    fn forget_old(&mut self, now: Duration) {
        while self.kept.front().is_some_and(|kept| now.saturating_sub(kept.at) > Follower::KEPT) {
            self.kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Reply = oneshot::Receiver<Result<LogPosition, TierError>>;

    fn outgoing(record: u8, is_intent: bool) -> (Outgoing, Reply) {
        let (reply, received) = oneshot::channel();
        let caller = Some(Caller { token: u64::from(record), reply });
        (Outgoing { record: vec![record], is_intent, caller }, received)
    }

    fn records(batch: &[Outgoing]) -> Vec<u8> {
        batch.iter().map(|outgoing| outgoing.record[0]).collect()
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_was_given_back_is_first_again() {
        let mut outbox = Outbox::default();
        for record in 1..=3 {
            outbox.push(outgoing(record, false).0);
        }
        let batch = outbox.take_batch();
        outbox.push(outgoing(4, false).0);
        outbox.give_back(batch.into_iter(), &TierError::new("lost"));
        assert_eq!(records(&outbox.take_batch()), [1, 2, 3, 4]);
        assert!(outbox.is_empty());
    }

    #[test]
    fn an_intent_that_may_not_have_been_published_is_dropped() {
        let mut outbox = Outbox::default();
        let (intent, mut reply) = outgoing(1, true);
        outbox.push(intent);
        let batch = outbox.take_batch();
        outbox.give_back(batch.into_iter(), &TierError::new("lost"));
        assert!(outbox.is_empty());
        assert_eq!(reply.try_recv().unwrap(), Err(TierError::new("lost")));
    }

    #[test]
    fn an_intent_that_nobody_waits_for_is_not_published() {
        let mut outbox = Outbox::default();
        for (record, is_intent) in [(1, true), (2, false)] {
            // The reply is dropped.
            outbox.push(outgoing(record, is_intent).0);
        }
        assert_eq!(records(&outbox.take_batch()), [2]);
    }

    #[test]
    fn a_batch_has_a_limit() {
        let mut outbox = Outbox::default();
        for _ in 0..=MAX_BATCH {
            outbox.push(outgoing(1, false).0);
        }
        assert_eq!(outbox.take_batch().len(), MAX_BATCH);
        assert_eq!(outbox.take_batch().len(), 1);
    }

    #[test]
    fn a_new_epoch_publishes_again_what_is_not_old() {
        let mut outbox = Outbox::default();
        outbox.enter(7, seconds(0));
        for record in 1..=3 {
            outbox.keep(vec![record], record == 3, 7, seconds(30 * u64::from(record)));
        }
        outbox.push(outgoing(4, false).0);
        outbox.enter(7, seconds(100));
        outbox.enter(8, seconds(100));
        let batch = outbox.take_batch();
        assert_eq!(records(&batch), [2, 3, 4]);
        assert_eq!(batch.iter().map(|outgoing| outgoing.is_intent).collect::<Vec<_>>(), [false, true, false]);
        // It was taken out, and is kept again when it was published.
        outbox.enter(9, seconds(100));
        assert!(outbox.is_empty());
    }

    #[test]
    fn what_was_acknowledged_late_in_an_old_epoch_is_published_in_the_new_one() {
        let mut outbox = Outbox::default();
        outbox.enter(7, seconds(0));
        outbox.enter(8, seconds(0));
        outbox.keep(vec![1], false, 7, seconds(0));
        assert_eq!(records(&outbox.take_batch()), [1]);
    }

    #[test]
    fn what_is_kept_has_a_limit() {
        let mut outbox = Outbox::default();
        outbox.enter(7, seconds(0));
        outbox.keep(vec![1], false, 7, seconds(0));
        for _ in 0..MAX_KEPT {
            outbox.keep(vec![2], false, 7, seconds(0));
        }
        outbox.enter(8, seconds(0));
        assert_eq!(records(&outbox.take_batch()[..1]), [2]);
    }
}
