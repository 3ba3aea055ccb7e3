//! Applies an operation to a cache and to the model, and compares their visible state.

use std::cell::{Cell, RefCell, RefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use cache_core::{EntryInfo, ManualClock, QueryStats, Stats};

use crate::model::{Asked, FalseRefusals, Listed, Made, Miss, Model, Value, sorted};
use crate::ops::{End, LoadPlan, Op, Place, Scope, TagName, Target, Writer};

/// A cache under test, of either kind.
pub(crate) trait Subject {
    fn load(&self, call: &Call<'_>) -> Result<Value, Failure>;
    fn invalidate_tags(&self, scope: Scope, tags: &[TagName]);
    fn invalidate_all(&self, scope: Scope);
    fn purge(&self);
    fn len(&self, scope: Scope) -> usize;
    fn len_with_stale(&self, scope: Scope) -> usize;
    fn stats(&self) -> Stats;
    fn entries(&self, scope: Scope) -> Vec<EntryInfo>;
    fn check_invariants(&self);

    fn get(&self, _: Place) -> Option<Value> {
        unreachable!("direct only")
    }
    fn insert(&self, _: Place, _: Value, _: Option<Duration>, _: &[TagName]) {
        unreachable!("direct only")
    }
    fn invalidate_key(&self, _: Place) -> bool {
        unreachable!("direct only")
    }
    fn invalidate_names(&self, _: Scope, _: &[&'static str]) {
        unreachable!("annotated only")
    }
    fn write(&self, _: Scope, _: Writer, _: &dyn Fn() -> Result<(), Failure>) -> Result<(), Failure> {
        unreachable!("annotated only")
    }
    /// What a writer invalidates, by whether it succeeds.
    fn targets(&self, _: Writer, _is_ok: bool) -> Vec<Target> {
        unreachable!("annotated only")
    }
    /// If there are queries.
    fn query_stats(&self) -> Option<Vec<QueryStats>> {
        None
    }
}

/// The error of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure;

/// The payload of a planned panic.
struct Planned;

fn panic_as_planned() -> ! {
    // Not `panic!`, which prints a message.
    resume_unwind(Box::new(Planned))
}

/// `None` after a planned panic.
fn catch<R>(run: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => Some(result),
        Err(payload) if payload.is::<Planned>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

pub(crate) struct Run<'a> {
    subject: &'a dyn Subject,
    clock: &'a ManualClock,
    scopes: Vec<Scope>,
    model: RefCell<Model>,
    /// Whether the source of all values fails.
    is_down: Cell<bool>,
    values_made: Cell<u64>,
    /// Those in memory, and some that were until recently.
    values: RefCell<Vec<Weak<u64>>>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(subject: &'a dyn Subject, clock: &'a ManualClock, scopes: Vec<Scope>, model: Model) -> Self {
        let (is_down, values_made, values) = (Cell::default(), Cell::default(), RefCell::default());
        Self { subject, clock, scopes, model: model.into(), is_down, values_made, values }
    }

    pub(crate) fn false_refusals(&self) -> FalseRefusals {
        self.model().false_refusals
    }

    fn model(&self) -> RefMut<'_, Model> {
        self.model.borrow_mut()
    }

    fn make_value(&self) -> Value {
        let number = self.values_made.get() + 1;
        self.values_made.set(number);
        let value = Arc::new(number);
        self.values.borrow_mut().push(Arc::downgrade(&value));
        value
    }

    pub(crate) fn steps(&self, ops: &[Op]) {
        for op in ops {
            self.step(op);
            self.purge_what_is_held();
            self.check();
        }
    }

    /// So that it is known when it is removed.
    fn purge_what_is_held(&self) {
        if self.model().holds_dead() {
            self.step(&Op::Purge);
        }
    }

    fn step(&self, op: &Op) {
        match op {
            Op::Load(plan) => self.load(plan),
            Op::Get(place) => {
                let found = self.subject.get(*place).map(|value| *value);
                assert_eq!(found, self.model().get(*place), "what {op:?} returns");
            }
            Op::Insert { place, ttl, tags } => {
                let value = self.make_value();
                let made = Made::new(&value);
                self.subject.insert(*place, value, *ttl, tags);
                self.model().insert(*place, made, *ttl, tags);
            }
            Op::InvalidateKey(place) => {
                let was_live = self.subject.invalidate_key(*place);
                assert_eq!(was_live, self.model().invalidate_key(*place), "what {op:?} returns");
            }
            Op::InvalidateTags(scope, tags) => {
                self.subject.invalidate_tags(*scope, tags);
                self.model().invalidate_tags(*scope, tags);
            }
            Op::InvalidateNames(scope, names) => {
                self.subject.invalidate_names(*scope, names);
                for name in names {
                    self.model().invalidate_named(*scope, name);
                }
            }
            Op::InvalidateAll(scope) => {
                self.subject.invalidate_all(*scope);
                self.model().invalidate_all(*scope);
            }
            Op::Write { scope, writer, inside, end } => self.write(*scope, *writer, inside, *end),
            Op::Purge => {
                self.subject.purge();
                self.model().purge();
            }
            Op::Advance(by) => {
                self.clock.advance(*by);
                self.model().now += *by;
            }
            Op::SetDown(is_down) => self.is_down.set(*is_down),
        }
    }

    fn load(&self, plan: &LoadPlan) {
        let asked = self.model().look_up(plan.place);
        let call = Call { run: self, plan, asked: Cell::new(asked), called: RefCell::default() };
        let result = catch(|| self.subject.load(&call));
        let Called { number, late, end, .. } = call.called.take();
        // The model sees what the cache still holds of it.
        let returned = result.map(|result| result.map(|value| *value));
        let counted = self.subject.stats();
        let mut model = self.model();
        match (call.asked.get(), number, end) {
            (Asked::Hit(value), None, None) => assert_eq!(returned, Some(Ok(value)), "a hit: {plan:?}"),
            (Asked::Either, None, None) => {
                let value = model.hit(plan.place);
                assert_eq!(
                    returned,
                    Some(Ok(value)),
                    "it is served while another one loads, or after a failure: {plan:?}"
                );
            }
            (Asked::Miss(_), None, Some(Ended::Panic)) => {
                assert_eq!(returned, None, "it panicked before the body: {plan:?}");
            }
            (Asked::Miss(miss), None, None) => {
                let value = model.find_late(plan.place, miss.at).expect("if no body ran, a value was stored meanwhile");
                assert_eq!(returned, Some(Ok(value)), "a value was stored meanwhile: {plan:?}");
            }
            (Asked::Miss(miss), Some(number), Some(end)) => match end {
                Ended::Value(value) => {
                    assert_eq!(returned, Some(Ok(value)), "the leader gets its own value: {plan:?}");
                    let before = model.stats();
                    let refused = counted.discarded_loads > before.discarded_loads;
                    model.end(number, &late, refused, counted.too_heavy > before.too_heavy);
                }
                Ended::Err => {
                    let served = model.fail(number, miss, matches!(returned, Some(Ok(_))));
                    let why = "the leader gets its own error, unless there is a value to serve";
                    assert_eq!(returned, Some(served.ok_or(Failure)), "{why}: {plan:?}");
                }
                Ended::Panic => {
                    assert_eq!(returned, None, "the leader gets its own panic: {plan:?}");
                    model.panicked(number);
                }
            },
            _ => panic!("closures run in order, and only on a miss: {plan:?}"),
        }
    }

    fn write(&self, scope: Scope, writer: Writer, inside: &[Op], end: End) {
        let body = || {
            self.steps(inside);
            match end {
                End::Value => Ok(()),
                End::Err => Err(Failure),
                End::Panic | End::PanicBefore | End::PanicAfter => panic_as_planned(),
            }
        };
        let result = catch(|| self.subject.write(scope, writer, &body));
        let expected = match end {
            End::Value => Some(Ok(())),
            End::Err => Some(Err(Failure)),
            End::Panic | End::PanicBefore | End::PanicAfter => None,
        };
        assert_eq!(result, expected, "what {writer:?} returns");
        let mut model = self.model();
        for target in self.subject.targets(writer, end == End::Value) {
            match target {
                Target::All => model.invalidate_all(scope),
                Target::Query(query) => model.invalidate_query(scope, query.id()),
                Target::Key(query, key) => model.invalidate_arguments(scope, query, key),
                Target::Tag(tag) => model.invalidate_tags(scope, &[tag]),
            }
        }
    }

    /// The visible state of the cache must be the model's.
    fn check(&self) {
        let mut model = self.model();
        model.remove_dead();
        self.subject.check_invariants();
        let stats = self.subject.stats();
        let Stats { cold_misses, expired_misses, invalidated_misses, evicted_misses, bypassed_misses, .. } = stats;
        let reasons = [cold_misses, expired_misses, invalidated_misses, evicted_misses, bypassed_misses];
        assert_eq!(reasons.iter().sum::<u64>(), stats.misses, "each miss has one reason: {stats:?}");
        // Which one the model does not know, nor what was stored and has left since.
        let mut expected = model.stats();
        [expected.cold_misses, expected.expired_misses, expected.invalidated_misses] =
            [cold_misses, expired_misses, invalidated_misses];
        [expected.evicted_misses, expected.bypassed_misses, expected.puts] =
            [evicted_misses, bypassed_misses, stats.puts];
        assert_eq!(stats, expected, "statistics");
        if let Some(stats) = self.subject.query_stats() {
            let mut expected = model.query_stats();
            for (expected, known) in expected.iter_mut().zip(&stats) {
                [expected.cold_misses, expected.expired_misses, expected.invalidated_misses] =
                    [known.cold_misses, known.expired_misses, known.invalidated_misses];
                [expected.evicted_misses, expected.bypassed_misses, expected.puts] =
                    [known.evicted_misses, known.bypassed_misses, known.puts];
            }
            assert_eq!(stats, expected, "statistics of the queries");
        }
        for &scope in &self.scopes {
            assert_eq!(self.subject.len(scope), model.len(scope), "len() of {scope:?}");
            let with_stale = (self.subject.len_with_stale(scope), model.len_with_stale(scope));
            assert_eq!(with_stale.0, with_stale.1, "len_with_stale() of {scope:?}");
            let entries = sorted(self.subject.entries(scope).iter().map(Listed::from));
            assert_eq!(entries, model.listing(scope), "entries() of {scope:?}");
        }
        let mut values = self.values.borrow_mut();
        values.retain(|value| value.strong_count() > 0);
        let held = sorted(values.iter().filter_map(Weak::upgrade).map(|value| *value));
        assert_eq!(held, model.held(), "values in memory");
    }
}

/// The closures of a call that loads on a miss.
pub(crate) struct Call<'a> {
    run: &'a Run<'a>,
    pub(crate) plan: &'a LoadPlan,
    asked: Cell<Asked>,
    called: RefCell<Called>,
}

/// What the closures of a call have returned to the cache.
#[derive(Default)]
struct Called {
    ttl: Option<Duration>,
    tags: Vec<TagName>,
    /// The number of the load in the model.
    number: Option<u64>,
    late: Vec<TagName>,
    end: Option<Ended>,
}

#[derive(Clone, Copy)]
enum Ended {
    Value(u64),
    Err,
    Panic,
}

impl Call<'_> {
    /// A closure of the call runs: the call has missed.
    fn miss(&self) -> Miss {
        match self.asked.get() {
            Asked::Hit(_) => panic!("closures run only on a miss: {:?}", self.plan),
            Asked::Miss(miss) => miss,
            Asked::Either => {
                let miss = self.run.model().miss(self.plan.place);
                self.asked.set(Asked::Miss(miss));
                miss
            }
        }
    }

    /// Called on a miss, before the body.
    pub(crate) fn options(&self) -> (Option<Duration>, Vec<TagName>) {
        self.miss();
        self.run.steps(&self.plan.before);
        self.panic_if(End::PanicBefore);
        let (ttl, tags) = (self.plan.ttl, self.plan.tags.clone());
        let mut called = self.called.borrow_mut();
        (called.ttl, called.tags) = (ttl, tags.clone());
        (ttl, tags)
    }

    /// The same, where the query determines the tags.
    pub(crate) fn ttl(&self, tags: Vec<TagName>) -> Option<Duration> {
        let (ttl, _) = self.options();
        self.called.borrow_mut().tags = tags;
        ttl
    }

    pub(crate) fn body(&self) -> Result<Value, Failure> {
        let place = self.plan.place;
        let miss = self.miss();
        let number = {
            let (mut called, mut model) = (self.called.borrow_mut(), self.run.model());
            let at = model.begins_at(place, miss.at).expect("a body runs only if there is no value");
            let number = model.begin(place, miss, at, called.ttl, &called.tags);
            *called.number.insert(number)
        };
        self.run.purge_what_is_held();
        self.run.steps(&self.plan.inside);
        self.panic_if(End::Panic);
        if (self.plan.end == End::Err || self.run.is_down.get()) && self.plan.fallible {
            self.called.borrow_mut().end = Some(Ended::Err);
            return Err(Failure);
        }
        let value = self.run.make_value();
        self.run.model().made(number, &value);
        self.called.borrow_mut().end = Some(Ended::Value(*value));
        Ok(value)
    }

    /// Called with the value.
    pub(crate) fn late(&self, value: u64) -> Vec<TagName> {
        assert!(matches!(self.called.borrow().end, Some(Ended::Value(made)) if made == value), "it is another value");
        self.run.steps(&self.plan.after);
        self.panic_if(End::PanicAfter);
        self.called.borrow_mut().late.clone_from(&self.plan.late);
        self.plan.late.clone()
    }

    fn panic_if(&self, end: End) {
        if self.plan.end == end {
            self.called.borrow_mut().end = Some(Ended::Panic);
            panic_as_planned();
        }
    }
}
