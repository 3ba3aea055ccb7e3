//! Writes to the database, and all the ways to make them known.

use std::time::Duration;

use super::request::Worker;
use super::slot::{Answer, Kind, SlotId};
use super::stumble::{Slow, stumble};
use super::world::Floor;

/// A way to make a write known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Key,
    Insert,
    Tag,
    LateTags,
    Attribute,
    Name,
    All,
}

const WAYS: [Way; 7] = [Way::Key, Way::Insert, Way::Tag, Way::LateTags, Way::Attribute, Way::Name, Way::All];

/// How a write is made known, and how far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notice {
    way: Way,
    /// In all places, through a handle of the root. Otherwise it is through a handle of the place.
    everywhere: bool,
}

impl Notice {
    /// One that reaches the keys of a kind.
    fn pick(kind: Kind, sweep: u32) -> Self {
        let ways: &[Way] = match kind {
            _ if fastrand::u32(..sweep) == 0 => &[Way::All],
            Kind::Plain => &[Way::Key],
            Kind::Tagged => &[Way::Tag, Way::Tag, Way::Key],
            Kind::Late => &[Way::LateTags, Way::LateTags, Way::Key],
            Kind::Inserted => &[Way::Insert, Way::Key],
            Kind::Query | Kind::FallibleQuery => &[Way::Attribute, Way::Name],
        };
        let way = ways[fastrand::usize(..ways.len())];
        // A key is one of its place, also through the root.
        Self { way, everywhere: !matches!(way, Way::Key | Way::Insert) && fastrand::bool() }
    }

    /// Less than 256.
    pub(super) fn code(self) -> u64 {
        self.way as u64 * 2 + u64::from(self.everywhere)
    }

    pub(super) fn from_code(code: u64) -> Self {
        Self { way: usize::try_from(code / 2).map_or(Way::Key, |way| WAYS[way]), everywhere: code % 2 == 1 }
    }
}

impl Worker<'_> {
    /// Raises the number of a slot, and of others that the same invalidation reaches, and makes that known.
    pub(super) fn write(&self, of: SlotId) {
        let notice = Notice::pick(of.kind(), self.world.room.sweep);
        let Notice { way, everywhere } = notice;
        let place = if everywhere { 0 } else { of.place };
        let bumped = match way {
            Way::Insert => vec![(of, self.insert(of))],
            Way::Attribute => self.request(place).write_queries(|| self.bump_all(of, notice)),
            Way::All if of.kind().is_query() && fastrand::bool() => {
                self.request(place).write_all(|| self.bump_all(of, notice))
            }
            _ => {
                let bumped = self.bump_all(of, notice);
                self.invalidate(of, way, place);
                bumped
            }
        };
        self.tally.writes.add(1);
        for (id, number) in bumped {
            self.world.settle(id, Floor::new(number, notice));
        }
    }

    fn bump_all(&self, of: SlotId, Notice { way, everywhere }: Notice) -> Vec<(SlotId, u64)> {
        let neighbour = of.neighbour(self.world.room.keys).filter(|_| way != Way::Key);
        let mut slots = vec![of];
        slots.extend(neighbour);
        if everywhere {
            slots = slots.into_iter().flat_map(SlotId::everywhere).collect();
        }
        let bump = |id| {
            // A write takes its time, in which others read what was there before.
            stumble();
            (id, self.world.bump(id))
        };
        slots.into_iter().map(bump).collect()
    }

    /// Nobody else may write between the two: what is inserted must be the latest.
    fn insert(&self, of: SlotId) -> u64 {
        let hand = self.world.hand(of.place);
        self.world.bump_and(of, |number| {
            hand.insert(of.key, Answer { of, number, made_at: Duration::MAX });
        })
    }

    /// Through a handle of the place.
    fn invalidate(&self, of: SlotId, way: Way, place: usize) {
        if of.kind().is_query() {
            let cache = self.world.cache(place);
            return match way {
                Way::All => cache.invalidate_all(),
                _ => cache.invalidate([Slow("query"), Slow("fallible")]),
            };
        }
        let hand = self.world.hand(place);
        let targets = match way {
            Way::Key => {
                hand.invalidate_key(&of.key);
                1
            }
            Way::All => {
                hand.invalidate_all();
                1
            }
            Way::LateTags => {
                // A value of any number may be cached, and under either tag.
                hand.invalidate_tags([0, 1].map(|number| Slow(of.late_tag(number))));
                2
            }
            _ => {
                hand.invalidate_tags([Slow(of.tag())]);
                1
            }
        };
        self.tally.hand_targets.add(targets);
    }
}
