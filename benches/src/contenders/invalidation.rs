//! Many small entries of this cache, and the ways to forget some of them.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache_core::{Cache, HasCache, cached_query, invalidates};

use crate::rounds::{Batch, timed};
use crate::workload::{ENTRIES, Key, Sequence};

/// Keys that are forgotten while their entries live, and are loaded again when the clock has stopped. They are few, so
/// that what memory costs is the same however many others there are.
const FEW: u64 = 128;

/// Tags of so many entries each are forgotten in the same way.
const OF_A_GROUP: u64 = 16;

/// What is forgotten, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `#[invalidates("number")]`.
    Query,
    /// `#[invalidates(tags("t"))]`, a tag of every entry.
    Tag,
    /// `cache.invalidate_tags([tag])`, a tag of 16 entries, which live.
    LiveTag,
    /// `#[invalidates(number(id))]`, an entry that lives.
    LiveKey,
    /// `#[invalidates(number(id))]`, entries from everywhere.
    AnyKey,
    /// `#[invalidates(all)]`.
    Everything,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Query, Self::Tag, Self::LiveTag, Self::LiveKey, Self::AnyKey, Self::Everything];

    /// For the head of a row.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "a query",
            Self::Tag => "a tag that every entry bears",
            Self::LiveTag => "a tag of 16 entries",
            Self::LiveKey => "a key",
            Self::AnyKey => "a key, of all in turn",
            Self::Everything => "everything",
        }
    }

    /// Whether what it forgets is loaded again before it is forgotten again.
    pub fn leaves_others_alive(self) -> bool {
        matches!(self, Self::LiveTag | Self::LiveKey | Self::AnyKey)
    }
}

/// A repository of numbers.
#[derive(HasCache)]
pub struct Numbers {
    cache: Cache,
    entries: u64,
    groups: Vec<String>,
}

impl Numbers {
    /// With so many entries, all of them live, and no room for more.
    ///
    /// # Panics
    ///
    /// If there are more than can be counted.
    pub fn new(entries: u64) -> Arc<Self> {
        Self::with_room(entries, usize::try_from(entries).expect("a number of entries"))
    }

    /// The same, with room for more.
    pub fn with_room(entries: u64, capacity: usize) -> Arc<Self> {
        let groups = (0..FEW / OF_A_GROUP).map(|group| format!("group:{group}")).collect();
        let numbers = Self { cache: Cache::builder().capacity(capacity).build(), entries, groups };
        for id in 0..entries {
            numbers.number(id);
        }
        Arc::new(numbers)
    }

    #[cached_query(ttl = "5m", tags("t", format!("group:{}", (id / OF_A_GROUP).min(FEW / OF_A_GROUP))))]
    fn number(&self, id: u64) -> u64 {
        id
    }

    #[cached_query(ttl = "5m", tags("t"))]
    fn with_one_tag(&self, id: u64) -> u64 {
        id
    }

    #[cached_query(ttl = "5m", tags("other"))]
    fn other(&self, id: u64) -> u64 {
        id
    }

    #[invalidates("number")]
    fn forget_query(&self) {}

    #[invalidates(tags("t"))]
    fn forget_tag(&self) {}

    #[invalidates(number(id))]
    fn forget(&self, id: u64) {}

    #[invalidates(all)]
    fn forget_everything(&self) {}

    #[invalidates("other")]
    fn forget_other_query(&self) {}

    #[invalidates(tags("other"))]
    fn forget_other_tag(&self) {}

    #[invalidates(other(id))]
    fn forget_other(&self, id: u64) {}

    /// Forgets one target again and again.
    pub fn forgetting(self: &Arc<Self>, target: Target) -> Batch {
        let this = Arc::clone(self);
        let turn = AtomicU64::new(0);
        Box::new(move |lap| match target {
            Target::Query => repeated(lap.calls, || this.forget_query()),
            Target::Tag => repeated(lap.calls, || this.forget_tag()),
            Target::Everything => repeated(lap.calls, || this.forget_everything()),
            Target::LiveKey => this.reloading(lap.calls, FEW, || {
                let start = Instant::now();
                (0..FEW).for_each(|id| this.forget(black_box(id)));
                start.elapsed()
            }),
            Target::LiveTag => this.reloading(lap.calls, FEW / OF_A_GROUP, || {
                let start = Instant::now();
                for group in &this.groups {
                    this.cache.invalidate_tags(black_box([group]));
                }
                start.elapsed()
            }),
            Target::AnyKey => {
                let first = turn.fetch_add(lap.calls as u64, Ordering::Relaxed);
                // Far apart, and never one twice before all others.
                let ids: Vec<u64> = (first..first + lap.calls as u64).map(|turn| turn * 7_919 % this.entries).collect();
                let time = timed(&ids, |id| this.forget(id));
                for id in ids {
                    this.number(id);
                }
                time
            }
        })
    }

    /// As often as there are to be so many calls: forgets some of the few, and loads them again.
    #[expect(clippy::cast_precision_loss, reason = "few calls")]
    fn reloading(&self, calls: usize, of_one: u64, forget: impl Fn() -> Duration) -> Duration {
        let repetitions = (calls as u64).div_ceil(of_one);
        let time: Duration = (0..repetitions)
            .map(|_| {
                for id in 0..FEW {
                    black_box(self.number(id));
                }
                forget()
            })
            .sum();
        // Of as many calls as were asked for, and not of those that were made.
        time.mul_f64(calls as f64 / (repetitions * of_one) as f64)
    }

    /// Gets, each 1,000 of which come after something else was forgotten, if something is; of entries with one tag, or with
    /// two.
    pub fn gets_after(self: &Arc<Self>, keys: &Arc<Sequence<u64>>, other: Option<Target>, tags: u32) -> Batch {
        let (this, keys) = (Arc::clone(self), Arc::clone(keys));
        Box::new(move |lap| {
            let pieces = keys.lap(lap).chunks(1_000);
            pieces
                .map(|piece| {
                    this.forget_something_else(other);
                    this.gets(piece, tags)
                })
                .sum()
        })
    }

    /// Every entry once, after something else was forgotten, if something is; of those with one tag, or with two.
    pub fn each_once_after(self: &Arc<Self>, other: Option<Target>, tags: u32) -> Batch {
        let this = Arc::clone(self);
        let ids: Vec<u64> = u64::all().map(|id| id * 7_919 % ENTRIES as u64).collect();
        Box::new(move |lap| {
            this.forget_something_else(other);
            let ids = &ids[..lap.calls.min(ids.len())];
            this.gets(ids, tags)
        })
    }

    fn gets(&self, ids: &[u64], tags: u32) -> Duration {
        if tags == 1 { timed(ids, |id| self.with_one_tag(id)) } else { timed(ids, |id| self.number(id)) }
    }

    fn forget_something_else(&self, other: Option<Target>) {
        match other {
            None => {}
            Some(Target::Query) => self.forget_other_query(),
            Some(Target::Tag) => self.forget_other_tag(),
            Some(_) => {
                self.other(0);
                self.forget_other(0);
            }
        }
    }
}

fn repeated(calls: usize, call: impl Fn()) -> Duration {
    let start = Instant::now();
    (0..calls).for_each(|_| call());
    start.elapsed()
}

/// The yardstick: nobody else is near it.
pub fn one_atomic_operation() -> Batch {
    let counter = AtomicU64::new(0);
    Box::new(move |lap| {
        repeated(lap.calls, || {
            black_box(counter.fetch_add(black_box(1), Ordering::AcqRel));
        })
    })
}
