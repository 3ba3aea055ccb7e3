//! The audit: hits whose bodies run as well, to see whether the answers are the same.
//!
//! A difference is a *finding* only if no write can explain it. A write that is in progress when the body begins, or begins
//! before it ends, may have changed the data and not have invalidated yet: see [`Writes`]. A write that ended before has
//! invalidated the entry, if it names it: so the entry is still stored and valid when the two are compared.

pub(crate) mod finding;
pub(crate) mod inspect;
pub(crate) mod writes;

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;

use foldhash::fast::RandomState;

use crate::audit::finding::StaleFinding;
use crate::audit::writes::Writes;
use crate::clock::Nanos;
use crate::entry::Meta;
use crate::sync::{Arc, Mutex, MutexGuard};
use crate::version::Version;

/// Compares cached answers with those of their bodies: see [`CacheBuilder::audit`](crate::CacheBuilder::audit).
///
/// ```
/// use std::sync::{Arc, Mutex, atomic::{AtomicU32, Ordering}};
/// use cache_core::{Audit, Cache, HasCache, cached_query, invalidates};
///
/// #[derive(HasCache)]
/// struct Shop {
///     stock: AtomicU32, // think of a database
///     cache: Cache,
/// }
///
/// impl Shop {
///     #[cached_query(ttl = "5m")]
///     fn stock(&self) -> u32 {
///         self.stock.load(Ordering::Relaxed)
///     }
///
///     #[cached_query(ttl = "5m")]
///     fn is_sold_out(&self) -> bool {
///         self.stock.load(Ordering::Relaxed) == 0
///     }
///
///     #[invalidates("stock")] // and `is_sold_out` is forgotten
///     fn sell(&self) {
///         self.stock.fetch_sub(1, Ordering::Relaxed);
///     }
/// }
///
/// let findings: Arc<Mutex<Vec<String>>> = Arc::default();
/// let found = findings.clone();
/// let audit = Audit::sample(1.0).on_finding(move |finding| {
///     let by: Vec<_> = finding.mutations.iter().map(|mutation| mutation.function).collect();
///     found.lock().unwrap().push(format!("{} after {by:?}", finding.query));
/// });
/// let shop = Shop { stock: AtomicU32::new(1), cache: Cache::builder().audit(audit).build() };
/// assert!(!shop.is_sold_out());
/// shop.sell();
/// assert!(!shop.is_sold_out(), "the stale answer: the audit changes none");
/// assert_eq!(*findings.lock().unwrap(), [r#"is_sold_out after ["sell"]"#]);
/// assert_eq!(shop.cache.stats().stale_found, 1);
/// ```
#[derive(Clone)]
pub struct Audit {
    /// A hit is audited if a random number is below it; `None`: each is.
    threshold: Option<u64>,
    on_finding: Option<OnFinding>,
}

type OnFinding = Arc<dyn Fn(&StaleFinding) + Send + Sync>;

impl Audit {
    /// Audits a random share of the hits: 0 is none of them, 1 all, and 0.01 one in a hundred.
    ///
    /// # Panics
    ///
    /// If the share is not from 0 to 1.
    #[must_use = "give it to a builder"]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 2^64")]
    pub fn sample(share: f64) -> Self {
        /// 2^64.
        const ALL: f64 = 18_446_744_073_709_551_616.0;
        assert!((0.0..=1.0).contains(&share), "the share of hits to audit is from 0 to 1, and not {share}");
        Self { threshold: (share < 1.0).then_some((share * ALL) as u64), on_finding: None }
    }

    /// Calls a function for each finding instead of writing it to the standard error stream.
    ///
    /// It is called by the call that hit, with no lock held, and may use the cache. A panic in it reaches that call: so a
    /// test fails where it asked.
    #[must_use = "give it to a builder"]
    pub fn on_finding(self, on_finding: impl Fn(&StaleFinding) + Send + Sync + 'static) -> Self {
        Self { on_finding: Some(Arc::new(on_finding)), ..self }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.threshold != Some(0)
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("is_on", &self.is_on()).finish_non_exhaustive()
    }
}

/// The audit of one cache.
pub(crate) struct Auditor {
    audit: Audit,
    pub(crate) writes: Arc<Writes>,
    checked: Mutex<HashMap<Identity, Checked, RandomState>>,
}

/// An entry, as long as it lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    store: u32,
    hash: u64,
    birth: Version,
    began: Nanos,
}

impl From<&Meta> for Identity {
    fn from(meta: &Meta) -> Self {
        Self { store: meta.store(), hash: meta.hash, birth: meta.birth, began: meta.began }
    }
}

#[derive(Clone, Copy)]
enum Checked {
    /// It was right as of a version.
    Right(Version),
    /// It was reported.
    Wrong,
}

/// More entries are not remembered: their findings may name mutations that an earlier audit has cleared, or come twice.
const MOST_CHECKED: usize = 16_384;

impl Auditor {
    pub(crate) fn new(audit: Audit) -> Self {
        Self { audit, writes: Arc::default(), checked: Mutex::default() }
    }

    /// Whether the next hit of this thread is audited.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        self.audit.threshold.is_none_or(|threshold| draw() < threshold)
    }

    /// Its answer was the same as that of a body that began at a version. An entry that was reported stays so: with `self` in
    /// the body and not in the key it is right and wrong in turns.
    pub(crate) fn record_right(&self, entry: Identity, as_of: Version) {
        let mut checked = self.checked();
        // An audit that began earlier may end later.
        if let Checked::Right(version) = checked.entry(entry).or_insert(Checked::Right(as_of)) {
            *version = as_of.max(*version);
        }
    }

    /// The version as of which it was right; `None` if it was reported, also by another thread at the same time.
    pub(crate) fn begin_report(&self, entry: Identity) -> Option<Version> {
        match self.checked().insert(entry, Checked::Wrong) {
            Some(Checked::Wrong) => None,
            Some(Checked::Right(version)) => Some(version),
            None => Some(entry.birth),
        }
    }

    /// There is room for one more.
    fn checked(&self) -> MutexGuard<'_, HashMap<Identity, Checked, RandomState>> {
        let mut checked = self.checked.lock();
        if checked.len() >= MOST_CHECKED {
            checked.clear();
        }
        checked
    }

    /// The caller holds no lock.
    pub(crate) fn report(&self, finding: &StaleFinding) {
        match &self.audit.on_finding {
            Some(on_finding) => on_finding(finding),
            None => eprintln!("cache-core: {finding}"),
        }
    }
}

/// A random number. Each thread draws its own.
#[inline]
fn draw() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0) };
    }
    STATE.with(|state| {
        let mut last = state.get();
        if last == 0 {
            last = seed();
        }
        // A linear congruential generator, with the multiplier of Knuth's MMIX. Its high bits, which a threshold looks at, are
        // its good ones. When it comes by 0 it has a new seed.
        last = last.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.set(last);
        last
    })
}

#[cold]
fn seed() -> u64 {
    use std::hash::BuildHasher;
    RandomState::default().hash_one(std::thread::current().id()) | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_hits_that_are_audited_is_the_one_that_was_asked_for() {
        let due = |share: f64| {
            let auditor = Auditor::new(Audit::sample(share));
            (0..100_000).filter(|_| auditor.is_due()).count()
        };
        assert_eq!((due(0.0), due(1.0)), (0, 100_000));
        let of_a_hundred = due(0.01);
        assert!((800..1_200).contains(&of_a_hundred), "{of_a_hundred} of 100,000");
    }

    #[test]
    #[should_panic(expected = "from 0 to 1, and not 1.5")]
    fn a_share_that_is_none_is_refused() {
        let _ = Audit::sample(1.5);
    }

    #[test]
    fn of_several_threads_that_find_an_entry_wrong_one_reports_it() {
        let auditor = Auditor::new(Audit::sample(1.0));
        let entry = |hash| Identity { store: 1, hash, birth: 3, began: 0 };
        let count = || (0..10_000).filter(|hash| auditor.begin_report(entry(*hash)).is_some()).count();
        let reported = std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(count));
            threads.map(|thread| thread.join().expect("nothing panics"))
        });
        assert_eq!(reported.iter().sum::<usize>(), 10_000, "{reported:?}");
    }

    #[test]
    fn what_was_checked_is_remembered_up_to_a_bound() {
        let auditor = Auditor::new(Audit::sample(1.0));
        let entry = |hash| Identity { store: 1, hash, birth: 3, began: 0 };
        assert_eq!(auditor.begin_report(entry(0)), Some(3), "it was right when it was loaded");
        assert_eq!(auditor.begin_report(entry(0)), None, "once");
        auditor.record_right(entry(1), 9);
        auditor.record_right(entry(1), 8);
        assert_eq!(auditor.begin_report(entry(1)), Some(9), "the audit as of 8 was slow");
        auditor.record_right(entry(1), 10);
        assert_eq!(auditor.begin_report(entry(1)), None, "it is right and wrong in turns");
        (0..3 * MOST_CHECKED as u64).for_each(|hash| auditor.record_right(entry(hash), 1));
        assert!(auditor.checked.lock().len() <= MOST_CHECKED);
    }
}
