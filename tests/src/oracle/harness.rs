//! Shared by the workers of a run: the database, the caches, and the violations found.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cache_core::{Cache, Clock, ManualClock, TaggedCache, TokioRuntime};
use tokio::runtime::Runtime;

use crate::watchdog;

use super::Workers;
use super::faults::{DropPanic, SlowClock};
use super::load::PlannedPanic;
use super::random::Random;
use super::report::{Report, Tally};
use super::request::{AGED_WINDOW, LIST_WINDOW, SHORT_TTL};
use super::scenario::{Scenario, Time};
use super::slot::{Answer, DropBomb, Kind, PLACES, SCOPES, SlotId};
use super::view::{View, ViewFailed, ViewId, ViewKey};
use super::write::Invalidation;

/// How long to wait for the statistics of a run that hangs.
const STATS_TIME: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
pub(super) struct Expectation {
    of: SlotId,
    floor: Floor,
    at: Duration,
    ttl: Duration,
    /// For so long after its expiry, an answer is allowed.
    window: Duration,
}

/// The lowest number that may be served; in the low 8 bits, how the write was invalidated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Floor(u64);

impl Floor {
    pub(super) fn new(number: u64, invalidation: Invalidation) -> Self {
        Self(number << 8 | invalidation.code())
    }

    fn number(self) -> u64 {
        self.0 >> 8
    }

    fn invalidation(self) -> Invalidation {
        Invalidation::from_code(self.0 & 0xFF)
    }
}

impl Expectation {
    /// What is served because a load failed must be valid at that time: the call that led it is checked as if it had begun
    /// only then.
    pub(super) fn after(self, failed: &[(SlotId, Floor)]) -> Self {
        let floors = failed.iter().filter(|(of, _)| *of == self.of).map(|(_, floor)| *floor);
        Self { floor: floors.fold(self.floor, Ord::max), ..self }
    }
}

#[derive(Default)]
struct Slot {
    number: AtomicU64,
    floor: AtomicU64,
    /// Held from a write of the number until the value is inserted.
    is_held: AtomicBool,
}

/// The published state of a worker. In its own cache line: it is written all the time.
#[derive(Default)]
#[repr(align(64))]
struct Status {
    operations: AtomicU64,
    activity: AtomicU64,
    bodies: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Activity {
    Calling,
    CallingView,
    Getting,
    Writing,
    Maintaining,
    Idle,
}

const ACTIVITIES: [Activity; 6] = [
    Activity::Calling,
    Activity::CallingView,
    Activity::Getting,
    Activity::Writing,
    Activity::Maintaining,
    Activity::Idle,
];

pub(super) struct Harness {
    pub(super) scenario: &'static Scenario,
    pub(super) clock: Option<ManualClock>,
    pub(super) direct: TaggedCache<usize, Answer>,
    pub(super) views: TaggedCache<ViewKey, View>,
    pub(super) cache: Cache,
    /// The number of ordered events so far.
    events: AtomicU64,
    clones: Clones,
    background: BackgroundLoads,
    /// Whether the source of [`Kind::Aged`] and of lists fails.
    is_down: AtomicBool,
    /// Answers that had expired, and were allowed to.
    stale: AtomicU64,
    ttl: Duration,
    slots: Box<[Slot]>,
    /// The threads, then the tasks.
    workers: Box<[Status]>,
    threads: usize,
    violations: Mutex<Violations>,
}

/// What clones of values did, for the comparison with the statistics.
#[derive(Default)]
struct Clones {
    calls: AtomicU64,
    misses: AtomicU64,
    targets: AtomicU64,
}

/// Loads of queries in the background, or by callers of such queries. They belong to no worker.
#[derive(Default)]
pub(super) struct BackgroundLoads {
    pub(super) loads: AtomicU64,
    pub(super) errors: AtomicU64,
}

pub(super) struct ViewExpectation {
    of: ViewId,
    /// For each slot that the answer may contain.
    slots: Vec<Expectation>,
    at: Duration,
    event: u64,
}

#[derive(Default)]
struct Violations {
    count: u64,
    kinds: BTreeMap<String, usize>,
    first: Vec<String>,
}

impl Harness {
    pub(super) fn new(scenario: &'static Scenario, workers: Workers, runtime: Option<&Runtime>) -> Self {
        let (threads, tasks) = (workers.threads(), workers.tasks());
        let (clock, ttl) = match scenario.time {
            Time::Manual { ttl } => (Some(ManualClock::new()), ttl),
            Time::System { ttl } => (None, ttl),
        };
        let mut direct = TaggedCache::builder().capacity(scenario.capacity).default_ttl(ttl);
        let mut views = TaggedCache::builder().capacity(scenario.capacity).default_ttl(ttl);
        let mut cache = Cache::builder().capacity(scenario.capacity).default_ttl(ttl);
        if let Some(most) = scenario.max_weight {
            direct = direct.max_weight(most).weight(Answer::weight);
            views = views.max_weight(most).weight(|view: &View| view.parts.len());
            cache = cache.max_weight(most);
        }
        if let Some(clock) = &clock {
            direct = direct.clock(SlowClock(clock.clone()));
            views = views.clock(SlowClock(clock.clone()));
            cache = cache.clock(SlowClock(clock.clone()));
        }
        if let Some(runtime) = runtime {
            cache = cache.runtime(TokioRuntime::new(runtime.handle().clone()));
        }
        Self {
            scenario,
            clock,
            direct: direct.build(),
            views: views.build(),
            cache: cache.build(),
            events: AtomicU64::new(1),
            clones: Clones::default(),
            background: BackgroundLoads::default(),
            is_down: AtomicBool::new(false),
            stale: AtomicU64::new(0),
            ttl,
            slots: (0..PLACES * scenario.keys).map(|_| Slot::default()).collect(),
            workers: (0..threads + tasks).map(|_| Status::default()).collect(),
            threads,
            violations: Mutex::default(),
        }
    }

    /// A new handle for each call, so that scopes are created and dropped.
    pub(super) fn direct(&self, place: usize) -> TaggedCache<usize, Answer> {
        if place == 0 { self.direct.clone() } else { self.direct.scope(SCOPES[place]) }
    }

    /// Like [`Harness::direct`].
    pub(super) fn cache(&self, place: usize) -> Cache {
        if place == 0 { self.cache.clone() } else { self.cache.scope(SCOPES[place]) }
    }

    /// Like [`Harness::direct`].
    pub(super) fn views(&self, place: usize) -> TaggedCache<ViewKey, View> {
        if place == 0 { self.views.clone() } else { self.views.scope(SCOPES[place]) }
    }

    /// A number later than all earlier events. Never 0.
    pub(super) fn event(&self) -> u64 {
        self.events.fetch_add(1, Ordering::SeqCst)
    }

    /// By the manual clock. Without one, the maximum: ages are then not checked.
    pub(super) fn now(&self) -> Duration {
        self.clock.as_ref().map_or(Duration::MAX, Clock::now)
    }

    /// Any slot; low keys more often.
    pub(super) fn pick(&self, random: &Random) -> SlotId {
        let keys = self.scenario.keys;
        let key = random.index(keys).min(random.index(keys));
        SlotId { place: random.index(PLACES), key }
    }

    fn slot(&self, id: SlotId) -> &Slot {
        &self.slots[id.place * self.scenario.keys + id.key]
    }

    pub(super) fn ttl_of(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Tagged => self.ttl / 2,
            Kind::Aged => SHORT_TTL,
            _ => self.ttl,
        }
    }

    pub(super) fn read(&self, of: SlotId) -> Answer {
        let number = self.slot(of).number.load(Ordering::SeqCst);
        Answer { of, number, made_at: self.now(), bomb: DropBomb::default() }
    }

    /// Writes to the database. Returns the new number.
    pub(super) fn bump(&self, of: SlotId) -> u64 {
        if of.kind() == Kind::Inserted { self.bump_and(of, |_| ()) } else { self.slot(of).bump() }
    }

    /// Writes to the database, and blocks other writes of the slot during `then`.
    pub(super) fn bump_and(&self, of: SlotId, then: impl FnOnce(u64)) -> u64 {
        let slot = self.slot(of);
        while slot.is_held.swap(true, Ordering::Acquire) {
            thread::yield_now();
        }
        let _held = Held(slot);
        let number = slot.bump();
        then(number);
        number
    }

    /// From now on, answers below the floor are violations.
    pub(super) fn raise_floor(&self, of: SlotId, floor: Floor) {
        self.slot(of).floor.fetch_max(floor.0, Ordering::SeqCst);
    }

    /// To be called before the cache is.
    pub(super) fn expectation(&self, of: SlotId) -> Expectation {
        let floor = self.floor(of);
        let at = self.clock.as_ref().map_or(Duration::ZERO, Clock::now);
        let window = if of.kind() == Kind::Aged { AGED_WINDOW } else { Duration::ZERO };
        Expectation { of, floor, at, ttl: self.ttl_of(of.kind()), window }
    }

    pub(super) fn floor(&self, of: SlotId) -> Floor {
        Floor(self.slot(of).floor.load(Ordering::SeqCst))
    }

    /// Like [`Harness::expectation`], for a list.
    pub(super) fn list_expectation(&self, of: SlotId) -> Expectation {
        Expectation { ttl: SHORT_TTL, window: LIST_WINDOW, ..self.expectation(of) }
    }

    /// Like [`Harness::expectation`].
    pub(super) fn view_expectation(&self, of: ViewId) -> ViewExpectation {
        let slots = of.shows(self.scenario.keys).into_iter().map(|slot| self.expectation(slot)).collect();
        let at = self.clock.as_ref().map_or(Duration::ZERO, Clock::now);
        ViewExpectation { of, slots, at, event: self.event() }
    }

    pub(super) fn check_view(&self, expected: &ViewExpectation, view: &View) {
        let ViewExpectation { of, slots, at, event } = expected;
        if view.of != *of {
            self.add_violation(|| format!("foreign: {of:?} was answered with {view:?}"));
        } else if *at >= view.made_at.saturating_add(self.ttl) {
            self.add_violation(|| format!("expired: {of:?} was answered at {at:?} with {view:?}"));
        }
        for part in &view.parts {
            match slots.iter().find(|expected| expected.of == part.of) {
                // What shows an expired answer is neither stored nor shared.
                Some(&expected) if view.began < *event => {
                    self.check_in(Expectation { window: Duration::ZERO, ..expected }, part, Some(*of));
                }
                Some(&expected) => self.check_in(expected, part, Some(*of)),
                None => self.add_violation(|| format!("foreign: {of:?} shows {part:?}")),
            }
        }
    }

    /// A caller may share only the error of a load that was in flight when it arrived, or began later.
    pub(super) fn check_view_error(&self, expected: &ViewExpectation, error: &ViewFailed) {
        if error.of != expected.of {
            self.add_violation(|| format!("foreign error: {:?} was answered with one of {:?}", expected.of, error.of));
        }
        if error.was_over_at(expected.event, self) {
            self.add_violation(|| format!("stored error: {:?} was answered with {error:?}", expected.of));
        }
    }

    /// An error without `Clone` goes only to the caller whose body made it.
    pub(super) fn check_error(&self, of: SlotId, made_by: u64, call: u64) {
        if made_by != call {
            self.add_violation(|| format!("foreign error: {of:?}, call {call} got that of call {made_by}"));
        }
    }

    /// A planned panic of a load is no violation. A panic in a drop must not reach a caller.
    pub(super) fn check_panic(&self, panic: Box<dyn Any + Send>) {
        if panic.is::<DropPanic>() {
            self.add_violation(|| "drop panic: it reached a caller".into());
        } else if !panic.is::<PlannedPanic>() {
            resume_unwind(panic);
        }
    }

    pub(super) fn use_in_clone(&self) {
        let of = SlotId { place: fastrand::usize(..PLACES), key: fastrand::usize(..self.scenario.keys) };
        let direct = self.direct(of.place);
        if of.kind().is_query() {
            self.cache(of.place).len();
        } else if fastrand::u8(..8) == 0 {
            self.clones.targets.fetch_add(1, Ordering::Relaxed);
            direct.invalidate_key(&of.key);
        } else {
            self.clones.calls.fetch_add(1, Ordering::Relaxed);
            let expected = self.expectation(of);
            match direct.get(&of.key) {
                Some(mut answer) => {
                    answer.received();
                    self.check(expected, &answer);
                }
                None => _ = self.clones.misses.fetch_add(1, Ordering::Relaxed),
            }
        }
    }

    pub(super) fn add_clones(&self, tally: &Tally) {
        tally.direct_calls.add(self.clones.calls.load(Ordering::Relaxed));
        tally.get_misses.add(self.clones.misses.load(Ordering::Relaxed));
        tally.direct_targets.add(self.clones.targets.load(Ordering::Relaxed));
    }

    pub(super) fn background(&self) -> &BackgroundLoads {
        &self.background
    }

    pub(super) fn add_background(&self, tally: &Tally) {
        tally.query_loads.add(self.background.loads.load(Ordering::Relaxed));
        tally.query_load_errors.add(self.background.errors.load(Ordering::Relaxed));
    }

    pub(super) fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Relaxed)
    }

    pub(super) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }

    pub(super) fn stale(&self) -> u64 {
        self.stale.load(Ordering::Relaxed)
    }

    pub(super) fn check(&self, expected: Expectation, answer: &Answer) {
        self.check_in(expected, answer, None);
    }

    /// Checks an answer, which may be a part of an outer query's.
    fn check_in(&self, expected: Expectation, answer: &Answer, outer: Option<ViewId>) {
        let Expectation { of, floor, at, ttl, window } = expected;
        let expires_at = answer.made_at.saturating_add(ttl);
        let through = || outer.map_or(": ".to_owned(), |outer| format!(" through an outer query: {outer:?}, "));
        if answer.of != of {
            self.add_violation(|| format!("foreign: {of:?} was answered with {answer:?}"));
        } else if answer.number < floor.number() {
            self.add_violation(|| {
                let (kind, invalidation, floor) = (of.kind(), floor.invalidation(), floor.number());
                format!(
                    "stale{}{of:?} ({kind:?}) was answered {}, after {floor} was invalidated by {invalidation:?}",
                    through(),
                    answer.number
                )
            });
        } else if at >= expires_at.saturating_add(window) {
            self.add_violation(|| {
                format!("expired{}{of:?} ({:?}) was answered at {at:?} with {answer:?}", through(), of.kind())
            });
        } else if at >= expires_at && outer.is_none() {
            self.stale.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a violation, and keeps the first few of each kind: the first word of its text.
    #[cold]
    pub(super) fn add_violation(&self, what: impl FnOnce() -> String) {
        const KEPT: usize = 2;
        const MANY: u64 = 10_000;
        let mut violations = self.violations.lock().unwrap();
        violations.count += 1;
        if violations.count > MANY {
            return;
        }
        let what = what();
        let kind = what.split(':').next().unwrap_or_default().to_owned();
        let kept = violations.kinds.entry(kind).or_default();
        *kept += 1;
        if *kept <= KEPT {
            violations.first.push(format!("{}: {what}", self.scenario.name));
        }
    }

    pub(super) fn record_activity(&self, worker: usize, activity: Activity, of: SlotId) {
        let Status { operations, activity: shown, .. } = &self.workers[worker];
        // Only this worker writes here.
        operations.store(operations.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        let code = ((of.key * PLACES + of.place) * ACTIVITIES.len() + activity as usize) as u64;
        shown.store(code, Ordering::Relaxed);
    }

    pub(super) fn record_bodies(&self, worker: usize, count: impl FnOnce(u64) -> u64) {
        let bodies = &self.workers[worker].bodies;
        bodies.store(count(bodies.load(Ordering::Relaxed)), Ordering::Relaxed);
    }

    /// The state for the watchdog. What needs no lock comes first.
    pub(super) fn describe(&self) -> String {
        let mut text = format!("{}: {:?}, {:?}\n", self.scenario.name, self.direct, self.cache);
        for (number, Status { operations, activity, bodies }) in self.workers.iter().enumerate() {
            let (name, number) = match number.checked_sub(self.threads) {
                None => ("thread", number),
                Some(number) => ("task", number),
            };
            let code = usize::try_from(activity.load(Ordering::Relaxed)).unwrap_or_default();
            let (activity, of) = (ACTIVITIES[code % ACTIVITIES.len()], code / ACTIVITIES.len());
            let of = SlotId { place: of % PLACES, key: of / PLACES };
            let (operations, bodies) = (operations.load(Ordering::Relaxed), bodies.load(Ordering::Relaxed));
            let kind = of.kind();
            let _ = writeln!(
                text,
                "{name} {number}, in operation {operations}: {activity:?} {of:?} ({kind:?}), bodies running: {bodies}"
            );
        }
        let (direct, cache) = (self.direct.clone(), self.cache.clone());
        let stats = move || format!("direct:\n{}\nqueries:\n{}", direct.stats(), cache.stats());
        text + &watchdog::in_time(STATS_TIME, stats).unwrap_or_else(|| "no statistics: a lock is held".into())
    }

    pub(super) fn add_violations(&self, report: &mut Report) {
        let violations = self.violations.lock().unwrap();
        report.violations += violations.count;
        report.first_violations.extend_from_slice(&violations.first);
    }
}

/// Releases a slot, also after a panic.
struct Held<'a>(&'a Slot);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.is_held.store(false, Ordering::Release);
    }
}

impl Slot {
    fn bump(&self) -> u64 {
        self.number.fetch_add(1, Ordering::SeqCst) + 1
    }
}
