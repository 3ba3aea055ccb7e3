//! Decides whether the answer of a read is known to the cache, from what clients have done and when.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    model::TrackId,
    workload::{Mutation, Read, Step},
};

/// An answer is *known* if the same read was answered before, and no mutation that may have changed it was in progress
/// then or has begun since. That is decided conservatively: mutations of its id, additions and deletions touch the read
/// of a track, and every mutation touches the other reads.
pub(super) struct Judge {
    /// For each read, one more than the touches begun when it was answered; 0 before.
    answered: HashMap<Read, AtomicU64>,
    tracks: HashMap<TrackId, Touches>,
    /// Additions and deletions: their ids are not known when they begin.
    any_track: Touches,
    all: Touches,
}

/// The mutations that touch one thing.
#[derive(Default)]
struct Touches {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Judge {
    /// For requests out of these steps.
    pub(super) fn new<'a>(steps: impl Iterator<Item = &'a Step>) -> Self {
        let (mut answered, mut tracks) = (HashMap::new(), HashMap::new());
        for step in steps {
            match step {
                Step::Read(read) => {
                    answered.entry(read.clone()).or_default();
                }
                Step::Mutation(Mutation::Play(id) | Mutation::Favorite(id, _) | Mutation::Update(id, _)) => {
                    tracks.entry(*id).or_default();
                }
                Step::Mutation(Mutation::Add(_) | Mutation::Delete(_)) => {}
            }
        }
        Self { answered, tracks, any_track: Touches::default(), all: Touches::default() }
    }

    /// Call it before the mutation, and drop the guard after it.
    pub(super) fn begin_mutation(&self, mutation: &Mutation) -> Mutating<'_> {
        let track = match mutation {
            Mutation::Play(id) | Mutation::Favorite(id, _) | Mutation::Update(id, _) => &self.tracks[id],
            Mutation::Add(_) | Mutation::Delete(_) => &self.any_track,
        };
        let touches = [&self.all, track];
        for touches in touches {
            touches.begun.fetch_add(1, Ordering::SeqCst);
        }
        Mutating(touches)
    }

    /// Call it before the read.
    pub(super) fn begin_read(&self, read: &Read) -> Reading<'_> {
        let touches = match read {
            Read::Track(id) => [Some(&self.any_track), self.tracks.get(id)],
            _ => [Some(&self.all), None],
        };
        let mut reading = Reading { answered: &self.answered[read], touches, undisturbed: None };
        // In this order: then none was in progress when the second was read.
        let ended = reading.sum(|touches| &touches.ended);
        let begun = reading.begun();
        reading.undisturbed = (ended == begun).then_some(begun);
        reading
    }
}

/// A mutation in progress.
pub(super) struct Mutating<'a>([&'a Touches; 2]);

impl Drop for Mutating<'_> {
    fn drop(&mut self) {
        for touches in self.0 {
            touches.ended.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// A read in progress.
pub(super) struct Reading<'a> {
    answered: &'a AtomicU64,
    touches: [Option<&'a Touches>; 2],
    /// The touches begun before this read, if none was in progress when it began.
    undisturbed: Option<u64>,
}

impl Reading<'_> {
    /// Whether the answer is known, also if this read has failed.
    pub(super) fn is_known(&self) -> bool {
        // The counts only grow: a sum is the same only if each of them is.
        self.answered.load(Ordering::SeqCst) == self.begun() + 1
    }

    /// Call it after an answer.
    pub(super) fn set_answered(&self) {
        if let Some(begun) = self.undisturbed {
            // Another answer to the same read may be of a later time.
            self.answered.fetch_max(begun + 1, Ordering::SeqCst);
        }
    }

    fn begun(&self) -> u64 {
        self.sum(|touches| &touches.begun)
    }

    fn sum(&self, count: fn(&Touches) -> &AtomicU64) -> u64 {
        self.touches.iter().flatten().map(|touches| count(touches).load(Ordering::SeqCst)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::Judge;
    use crate::{
        model::{NewTrack, TrackId},
        workload::{Mutation, Read, Step},
    };

    const READS: [Read; 3] = [Read::Track(TrackId(1)), Read::Track(TrackId(2)), Read::Popular];

    fn judge() -> Judge {
        let reads = READS.map(Step::Read);
        Judge::new(reads.iter().chain(&[Step::Mutation(Mutation::Play(TrackId(1)))]))
    }

    fn known(judge: &Judge) -> [bool; 3] {
        READS.map(|read| judge.begin_read(&read).is_known())
    }

    fn answer_all(judge: &Judge) {
        for read in READS {
            judge.begin_read(&read).set_answered();
        }
    }

    #[test]
    fn an_answer_is_known_until_a_mutation_that_touches_it_begins() {
        for (mutation, left) in [
            (Mutation::Play(TrackId(1)), [false, true, false]),
            (Mutation::Add(NewTrack::default()), [false; 3]),
            (Mutation::Delete(TrackId(0)), [false; 3]),
        ] {
            let judge = judge();
            assert_eq!(known(&judge), [false; 3]);
            answer_all(&judge);
            assert_eq!(known(&judge), [true; 3]);
            let mutating = judge.begin_mutation(&mutation);
            assert_eq!(known(&judge), left, "{mutation:?} in progress");
            drop(mutating);
            assert_eq!(known(&judge), left, "{mutation:?}");
            answer_all(&judge);
            assert_eq!(known(&judge), [true; 3], "{mutation:?}, and answered again");
        }
    }

    #[test]
    fn an_answer_to_a_read_that_began_during_a_mutation_is_not_known() {
        let judge = judge();
        let mutating = judge.begin_mutation(&Mutation::Play(TrackId(1)));
        let readings = READS.map(|read| judge.begin_read(&read));
        drop(mutating);
        for reading in readings {
            reading.set_answered();
        }
        assert_eq!(known(&judge), [false, true, false]);
    }

    #[test]
    fn an_answer_is_not_known_if_a_mutation_began_during_the_read() {
        let judge = judge();
        let reading = judge.begin_read(&READS[0]);
        drop(judge.begin_mutation(&Mutation::Play(TrackId(1))));
        reading.set_answered();
        assert!(!reading.is_known());
    }
}
