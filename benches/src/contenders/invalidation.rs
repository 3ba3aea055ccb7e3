//! Many small entries of this cache, and the ways to invalidate some of them.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache_core::{Cache, HasCache, cached_query, invalidates};

use crate::rounds::{BatchFn, timed};
use crate::workload::{ENTRIES, Key, Keys};

/// Entries that are valid when they are invalidated, and are loaded again outside the timed calls. They are few, so that the
/// processor's caches hold them at every size.
const FEW: u64 = 128;

/// The entries of a tag that is invalidated in the same way.
const PER_GROUP: u64 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Query,
    /// `#[invalidates(tags("t"))]`, a tag of every entry.
    Tag,
    /// `cache.invalidate_tags([tag])`, a tag of 16 valid entries.
    ValidTag,
    /// `#[invalidates(number(id))]`, of few valid entries.
    ValidKey,
    /// `#[invalidates(number(id))]`, of all entries in turn.
    AnyKey,
    Everything,
}

impl Target {
    pub(crate) const ALL: [Self; 6] =
        [Self::Query, Self::Tag, Self::ValidTag, Self::ValidKey, Self::AnyKey, Self::Everything];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Query => "a query",
            Self::Tag => "a tag of every entry",
            Self::ValidTag => "a tag of 16 entries",
            Self::ValidKey => "a key",
            Self::AnyKey => "a key, of all in turn",
            Self::Everything => "everything",
        }
    }

    /// Whether what it invalidates is loaded again before the next call.
    pub(crate) fn reloads(self) -> bool {
        matches!(self, Self::ValidTag | Self::ValidKey | Self::AnyKey)
    }
}

#[derive(HasCache)]
pub(crate) struct Numbers {
    cache: Cache,
    entries: u64,
    groups: Vec<String>,
}

impl Numbers {
    pub(crate) fn new(entries: u64) -> Arc<Self> {
        Self::with_capacity(entries, usize::try_from(entries).expect("a number of entries"))
    }

    pub(crate) fn with_capacity(entries: u64, capacity: usize) -> Arc<Self> {
        let groups = (0..FEW / PER_GROUP).map(|group| format!("group:{group}")).collect();
        let numbers = Self { cache: Cache::builder().capacity(capacity).build(), entries, groups };
        for id in 0..entries {
            numbers.number(id);
        }
        Arc::new(numbers)
    }

    #[cached_query(ttl = "5m", tags("t", format!("group:{}", (id / PER_GROUP).min(FEW / PER_GROUP))))]
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
    fn invalidate_query(&self) {}

    #[invalidates(tags("t"))]
    fn invalidate_tag(&self) {}

    #[invalidates(number(id))]
    fn invalidate(&self, id: u64) {}

    #[invalidates(all)]
    fn invalidate_everything(&self) {}

    #[invalidates("other")]
    fn invalidate_other_query(&self) {}

    #[invalidates(tags("other"))]
    fn invalidate_other_tag(&self) {}

    #[invalidates(other(id))]
    fn invalidate_other(&self, id: u64) {}

    pub(crate) fn invalidations(self: &Arc<Self>, target: Target) -> BatchFn {
        let this = Arc::clone(self);
        let turn = AtomicU64::new(0);
        Box::new(move |batch| match target {
            Target::Query => repeated(batch.calls, || this.invalidate_query()),
            Target::Tag => repeated(batch.calls, || this.invalidate_tag()),
            Target::Everything => repeated(batch.calls, || this.invalidate_everything()),
            Target::ValidKey => this.reloading(batch.calls, FEW, || {
                let start = Instant::now();
                (0..FEW).for_each(|id| this.invalidate(black_box(id)));
                start.elapsed()
            }),
            Target::ValidTag => this.reloading(batch.calls, FEW / PER_GROUP, || {
                let start = Instant::now();
                for group in &this.groups {
                    this.cache.invalidate_tags(black_box([group]));
                }
                start.elapsed()
            }),
            Target::AnyKey => {
                let first = turn.fetch_add(batch.calls as u64, Ordering::Relaxed);
                // Far apart, and each once before any is repeated.
                let ids: Vec<u64> =
                    (first..first + batch.calls as u64).map(|turn| turn * 7_919 % this.entries).collect();
                let time = timed(&ids, |id| this.invalidate(id));
                for id in ids {
                    this.number(id);
                }
                time
            }
        })
    }

    /// Repeats until there are as many calls: loads the few entries, and times their invalidation.
    #[expect(clippy::cast_precision_loss, reason = "few calls")]
    fn reloading(&self, calls: usize, calls_each: u64, invalidate: impl Fn() -> Duration) -> Duration {
        let repetitions = (calls as u64).div_ceil(calls_each);
        let time: Duration = (0..repetitions)
            .map(|_| {
                for id in 0..FEW {
                    black_box(self.number(id));
                }
                invalidate()
            })
            .sum();
        // Scaled from the calls made to those requested.
        time.mul_f64(calls as f64 / (repetitions * calls_each) as f64)
    }

    /// Gets, with an optional invalidation of another target before each 1,000, of entries with one tag or with two.
    pub(crate) fn gets_after(self: &Arc<Self>, keys: &Arc<Keys<u64>>, other: Option<Target>, tags: u32) -> BatchFn {
        let (this, keys) = (Arc::clone(self), Arc::clone(keys));
        Box::new(move |batch| {
            let pieces = keys.of(batch).chunks(1_000);
            pieces
                .map(|piece| {
                    this.invalidate_another(other);
                    this.gets(piece, tags)
                })
                .sum()
        })
    }

    /// One get of every entry, after an optional invalidation of another target, of entries with one tag or with two.
    pub(crate) fn each_once_after(self: &Arc<Self>, other: Option<Target>, tags: u32) -> BatchFn {
        let this = Arc::clone(self);
        let ids: Vec<u64> = u64::all().map(|id| id * 7_919 % ENTRIES as u64).collect();
        Box::new(move |batch| {
            this.invalidate_another(other);
            let ids = &ids[..batch.calls.min(ids.len())];
            this.gets(ids, tags)
        })
    }

    fn gets(&self, ids: &[u64], tags: u32) -> Duration {
        if tags == 1 { timed(ids, |id| self.with_one_tag(id)) } else { timed(ids, |id| self.number(id)) }
    }

    fn invalidate_another(&self, other: Option<Target>) {
        match other {
            None => {}
            Some(Target::Query) => self.invalidate_other_query(),
            Some(Target::Tag) => self.invalidate_other_tag(),
            Some(_) => {
                self.other(0);
                self.invalidate_other(0);
            }
        }
    }
}

fn repeated(calls: usize, call: impl Fn()) -> Duration {
    let start = Instant::now();
    (0..calls).for_each(|_| call());
    start.elapsed()
}

pub(crate) fn atomic_operations() -> BatchFn {
    let counter = AtomicU64::new(0);
    Box::new(move |batch| {
        repeated(batch.calls, || {
            black_box(counter.fetch_add(black_box(1), Ordering::AcqRel));
        })
    })
}
