//! What the workers of a run share: the database, the caches, and what was found wrong.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cache_core::{Cache, Clock, ManualClock, TaggedCache};

use crate::watchdog;

use super::dice::Dice;
use super::load::PlannedPanic;
use super::report::{Report, Tally};
use super::room::{Room, Time};
use super::slot::{Answer, Kind, PLACES, SCOPES, SlotId, Trap};
use super::stumble::{DropPanic, SlowClock};
use super::view::{View, ViewFailed, ViewId, ViewKey};
use super::write::Notice;

/// How long the figures of a run that hangs are waited for.
const STATS_TIME: Duration = Duration::from_secs(1);

/// What a reader knew before it asked.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    of: SlotId,
    floor: Floor,
    at: Duration,
}

/// The least number that may be answered, and in the low 8 bits how that was made known.
#[derive(Clone, Copy)]
pub(super) struct Floor(u64);

impl Floor {
    pub(super) fn new(number: u64, notice: Notice) -> Self {
        Self(number << 8 | notice.code())
    }

    fn number(self) -> u64 {
        self.0 >> 8
    }

    fn notice(self) -> Notice {
        Notice::from_code(self.0 & 0xFF)
    }
}

#[derive(Default)]
struct Slot {
    number: AtomicU64,
    floor: AtomicU64,
    /// Held by who raises the number of what is inserted, and by who inserts until it is done.
    is_held: AtomicBool,
}

/// What a worker shows of itself. In a cache line of its own: it is written all the time.
#[derive(Default)]
#[repr(align(64))]
struct Status {
    operations: AtomicU64,
    doing: AtomicU64,
    /// How many bodies have begun and not ended.
    bodies: AtomicU64,
}

/// What a worker can be in the middle of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Doing {
    Asking,
    Viewing,
    Getting,
    Writing,
    Upkeep,
    Nothing,
}

const ALL_DOING: [Doing; 6] =
    [Doing::Asking, Doing::Viewing, Doing::Getting, Doing::Writing, Doing::Upkeep, Doing::Nothing];

pub(super) struct World {
    pub(super) room: &'static Room,
    pub(super) clock: Option<ManualClock>,
    pub(super) hand: TaggedCache<usize, Answer>,
    pub(super) views: TaggedCache<ViewKey, View>,
    pub(super) cache: Cache,
    /// How many events there were that have an order.
    events: AtomicU64,
    clones: Clones,
    ttl: Duration,
    slots: Box<[Slot]>,
    /// Threads first, and then tasks.
    workers: Box<[Status]>,
    threads: usize,
    violations: Mutex<Violations>,
}

/// What clones of values did.
#[derive(Default)]
struct Clones {
    calls: AtomicU64,
    misses: AtomicU64,
    targets: AtomicU64,
}

/// What a reader of an outer query knew before it asked.
pub(super) struct AskedView {
    of: ViewId,
    /// For each slot that the answer may show.
    slots: Vec<Asked>,
    at: Duration,
    event: u64,
}

#[derive(Default)]
struct Violations {
    count: u64,
    sorts: BTreeMap<String, usize>,
    first: Vec<String>,
}

impl World {
    pub(super) fn new(room: &'static Room, threads: usize, tasks: usize) -> Self {
        let (clock, ttl) = match room.time {
            Time::Manual { ttl } => (Some(ManualClock::new()), ttl),
            Time::System { ttl } => (None, ttl),
        };
        let mut hand = TaggedCache::builder().capacity(room.capacity).default_ttl(ttl);
        let mut views = TaggedCache::builder().capacity(room.capacity).default_ttl(ttl);
        let mut cache = Cache::builder().capacity(room.capacity).default_ttl(ttl);
        if let Some(clock) = &clock {
            hand = hand.clock(SlowClock(clock.clone()));
            views = views.clock(SlowClock(clock.clone()));
            cache = cache.clock(SlowClock(clock.clone()));
        }
        Self {
            room,
            clock,
            hand: hand.build(),
            views: views.build(),
            cache: cache.build(),
            events: AtomicU64::new(1),
            clones: Clones::default(),
            ttl,
            slots: (0..PLACES * room.keys).map(|_| Slot::default()).collect(),
            workers: (0..threads + tasks).map(|_| Status::default()).collect(),
            threads,
            violations: Mutex::default(),
        }
    }

    /// Made anew for each call, so that scopes come and go with what is in them.
    pub(super) fn hand(&self, place: usize) -> TaggedCache<usize, Answer> {
        if place == 0 { self.hand.clone() } else { self.hand.scope(SCOPES[place]) }
    }

    /// Like [`World::hand`].
    pub(super) fn cache(&self, place: usize) -> Cache {
        if place == 0 { self.cache.clone() } else { self.cache.scope(SCOPES[place]) }
    }

    /// Like [`World::hand`].
    pub(super) fn views(&self, place: usize) -> TaggedCache<ViewKey, View> {
        if place == 0 { self.views.clone() } else { self.views.scope(SCOPES[place]) }
    }

    /// Later than all events that there were, and not 0.
    pub(super) fn event(&self) -> u64 {
        self.events.fetch_add(1, Ordering::SeqCst)
    }

    /// By the manual clock. Without one, the end of time: how old something is can't be told then.
    pub(super) fn now(&self) -> Duration {
        self.clock.as_ref().map_or(Duration::MAX, Clock::now)
    }

    /// Any slot, but some more often than others.
    pub(super) fn pick(&self, dice: &Dice) -> SlotId {
        let keys = self.room.keys;
        let key = dice.index(keys).min(dice.index(keys));
        SlotId { place: dice.index(PLACES), key }
    }

    fn slot(&self, id: SlotId) -> &Slot {
        &self.slots[id.place * self.room.keys + id.key]
    }

    pub(super) fn ttl_of(&self, kind: Kind) -> Duration {
        if kind == Kind::Tagged { self.ttl / 2 } else { self.ttl }
    }

    /// Reads the database.
    pub(super) fn read(&self, of: SlotId) -> Answer {
        let number = self.slot(of).number.load(Ordering::SeqCst);
        Answer { of, number, made_at: self.now(), trap: Trap::default() }
    }

    /// Writes to the database. Returns the number that is in it now.
    pub(super) fn bump(&self, of: SlotId) -> u64 {
        if of.kind() == Kind::Inserted { self.bump_and(of, |_| ()) } else { self.slot(of).bump() }
    }

    /// Writes to the database, and lets nobody else write there before something has been done.
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

    /// Takes note that no answer below the floor may be given to who asks from now on.
    pub(super) fn settle(&self, of: SlotId, floor: Floor) {
        self.slot(of).floor.fetch_max(floor.0, Ordering::SeqCst);
    }

    /// To be called before the cache is asked.
    pub(super) fn asks(&self, of: SlotId) -> Asked {
        let floor = Floor(self.slot(of).floor.load(Ordering::SeqCst));
        Asked { of, floor, at: self.clock.as_ref().map_or(Duration::ZERO, Clock::now) }
    }

    /// Like [`World::asks`].
    pub(super) fn asks_view(&self, of: ViewId) -> AskedView {
        let slots = of.shows(self.room.keys).into_iter().map(|slot| self.asks(slot)).collect();
        let at = self.clock.as_ref().map_or(Duration::ZERO, Clock::now);
        AskedView { of, slots, at, event: self.event() }
    }

    pub(super) fn judge_view(&self, asked: &AskedView, view: &View) {
        let AskedView { of, slots, at, .. } = asked;
        if view.of != *of {
            self.accuse(|| format!("foreign: {of:?} was answered with {view:?}"));
        } else if *at >= view.made_at.saturating_add(self.ttl) {
            self.accuse(|| format!("expired: {of:?} was answered at {at:?} with {view:?}"));
        }
        for part in &view.parts {
            match slots.iter().find(|asked| asked.of == part.of) {
                Some(&asked) => self.judge_in(asked, part, Some(*of)),
                None => self.accuse(|| format!("foreign: {of:?} shows {part:?}")),
            }
        }
    }

    /// A caller shares only the error of a load that was in flight when it asked, or began later.
    pub(super) fn judge_view_error(&self, asked: &AskedView, error: &ViewFailed) {
        if error.of != asked.of {
            self.accuse(|| format!("foreign error: {:?} was answered with one of {:?}", asked.of, error.of));
        }
        if error.was_over_at(asked.event, self) {
            self.accuse(|| format!("stored error: {:?} was answered with {error:?}", asked.of));
        }
    }

    /// An error that is no `Clone` is that of the caller's own body.
    pub(super) fn judge_error(&self, of: SlotId, made_by: u64, call: u64) {
        if made_by != call {
            self.accuse(|| format!("foreign error: {of:?}, call {call} got that of call {made_by}"));
        }
    }

    /// A load that panics as it was meant to is no violation. A panic of a drop within a cache reaches nobody.
    pub(super) fn judge_panic(&self, panic: Box<dyn Any + Send>) {
        if panic.is::<DropPanic>() {
            self.accuse(|| "drop panic: one in the drop of what a cache had reached a caller".into());
        } else if !panic.is::<PlannedPanic>() {
            resume_unwind(panic);
        }
    }

    /// The clone of a value uses a cache.
    pub(super) fn use_in_clone(&self) {
        let of = SlotId { place: fastrand::usize(..PLACES), key: fastrand::usize(..self.room.keys) };
        let hand = self.hand(of.place);
        if of.kind().is_query() {
            self.cache(of.place).len();
        } else if fastrand::u8(..8) == 0 {
            self.clones.targets.fetch_add(1, Ordering::Relaxed);
            hand.invalidate_key(&of.key);
        } else {
            self.clones.calls.fetch_add(1, Ordering::Relaxed);
            let asked = self.asks(of);
            match hand.get(&of.key) {
                Some(mut answer) => {
                    answer.received();
                    self.judge(asked, &answer);
                }
                None => _ = self.clones.misses.fetch_add(1, Ordering::Relaxed),
            }
        }
    }

    /// Adds what clones did to what workers did.
    pub(super) fn add_clones(&self, tally: &Tally) {
        tally.hand_calls.add(self.clones.calls.load(Ordering::Relaxed));
        tally.get_misses.add(self.clones.misses.load(Ordering::Relaxed));
        tally.hand_targets.add(self.clones.targets.load(Ordering::Relaxed));
    }

    pub(super) fn judge(&self, asked: Asked, answer: &Answer) {
        self.judge_in(asked, answer, None);
    }

    /// Judges an answer, which may be part of that of an outer query.
    fn judge_in(&self, asked: Asked, answer: &Answer, outer: Option<ViewId>) {
        let Asked { of, floor, at } = asked;
        let through = || outer.map_or(": ".to_owned(), |outer| format!(" through an outer query: {outer:?}, "));
        if answer.of != of {
            self.accuse(|| format!("foreign: {of:?} was answered with {answer:?}"));
        } else if answer.number < floor.number() {
            self.accuse(|| {
                let (kind, notice, floor) = (of.kind(), floor.notice(), floor.number());
                format!(
                    "stale{}{of:?} ({kind:?}) was answered {}, after {floor} was made known by {notice:?}",
                    through(),
                    answer.number
                )
            });
        } else if at >= answer.made_at.saturating_add(self.ttl_of(of.kind())) {
            self.accuse(|| {
                format!("expired{}{of:?} ({:?}) was answered at {at:?} with {answer:?}", through(), of.kind())
            });
        }
    }

    /// Counts a violation, and keeps the first few of each sort, which the text begins with.
    #[cold]
    pub(super) fn accuse(&self, what: impl FnOnce() -> String) {
        const KEPT: usize = 2;
        const MANY: u64 = 10_000;
        let mut violations = self.violations.lock().unwrap();
        violations.count += 1;
        if violations.count > MANY {
            return;
        }
        let what = what();
        let sort = what.split(':').next().unwrap_or_default().to_owned();
        let kept = violations.sorts.entry(sort).or_default();
        *kept += 1;
        if *kept <= KEPT {
            violations.first.push(format!("{}: {what}", self.room.name));
        }
    }

    pub(super) fn show(&self, worker: usize, doing: Doing, of: SlotId) {
        let Status { operations, doing: shown, .. } = &self.workers[worker];
        // Nobody else writes here at the time, so there is nothing to lose between the two.
        operations.store(operations.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        let code = ((of.key * PLACES + of.place) * ALL_DOING.len() + doing as usize) as u64;
        shown.store(code, Ordering::Relaxed);
    }

    pub(super) fn show_bodies(&self, worker: usize, count: impl FnOnce(u64) -> u64) {
        let bodies = &self.workers[worker].bodies;
        bodies.store(count(bodies.load(Ordering::Relaxed)), Ordering::Relaxed);
    }

    /// For one who wonders why it doesn't go on. What can't wait for anything comes first.
    pub(super) fn describe(&self) -> String {
        let mut text = format!("{}: {:?}, {:?}\n", self.room.name, self.hand, self.cache);
        for (number, Status { operations, doing, bodies }) in self.workers.iter().enumerate() {
            let (name, number) = match number.checked_sub(self.threads) {
                None => ("thread", number),
                Some(number) => ("task", number),
            };
            let code = usize::try_from(doing.load(Ordering::Relaxed)).unwrap_or_default();
            let (doing, of) = (ALL_DOING[code % ALL_DOING.len()], code / ALL_DOING.len());
            let of = SlotId { place: of % PLACES, key: of / PLACES };
            let (operations, bodies) = (operations.load(Ordering::Relaxed), bodies.load(Ordering::Relaxed));
            let kind = of.kind();
            let _ = writeln!(
                text,
                "{name} {number}, in operation {operations}: {doing:?} {of:?} ({kind:?}), bodies under way: {bodies}"
            );
        }
        let (hand, cache) = (self.hand.clone(), self.cache.clone());
        let stats = move || format!("by hand:\n{}\nqueries:\n{}", hand.stats(), cache.stats());
        text + &watchdog::in_time(STATS_TIME, stats).unwrap_or_else(|| "a lock is held: there are no figures".into())
    }

    pub(super) fn add_violations(&self, report: &mut Report) {
        let violations = self.violations.lock().unwrap();
        report.violations += violations.count;
        report.first_violations.extend_from_slice(&violations.first);
    }
}

/// Lets others write, also if what was done panicked.
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
