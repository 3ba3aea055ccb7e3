//! Does an operation to a cache and to the model, and compares all that can be seen of both.

use std::cell::{Cell, RefCell, RefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use cache_core::{EntryInfo, ManualClock, QueryStats, Stats};

use crate::model::{Listed, Made, Miss, Model, Needless, Value, sorted};
use crate::ops::{End, Forgotten, LoadPlan, Op, Place, Scope, TagName, Writer};

/// A real cache, of either kind.
pub(crate) trait Face {
    fn load(&self, call: &Call<'_>) -> Result<Value, Failure>;
    fn invalidate_tags(&self, scope: Scope, tags: &[TagName]);
    fn invalidate_all(&self, scope: Scope);
    fn purge(&self);
    fn len(&self, scope: Scope) -> usize;
    fn stats(&self) -> Stats;
    fn entries(&self, scope: Scope) -> Vec<EntryInfo>;
    fn check_invariants(&self);

    fn get(&self, _: Place) -> Option<Value> {
        unreachable!("by hand only")
    }
    fn insert(&self, _: Place, _: Value, _: Option<Duration>, _: &[TagName]) {
        unreachable!("by hand only")
    }
    fn invalidate_key(&self, _: Place) -> bool {
        unreachable!("by hand only")
    }
    fn invalidate_names(&self, _: Scope, _: &[&'static str]) {
        unreachable!("annotated only")
    }
    fn write(&self, _: Scope, _: Writer, _: &dyn Fn() -> Result<(), Failure>) -> Result<(), Failure> {
        unreachable!("annotated only")
    }
    /// What a writer invalidates, according to whether it succeeds.
    fn targets(&self, _: Writer, _is_ok: bool) -> Vec<Forgotten> {
        unreachable!("annotated only")
    }
    /// If there are any queries.
    fn query_stats(&self) -> Option<Vec<QueryStats>> {
        None
    }
}

/// What a body fails with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure;

/// What a body panics with, if it is to.
struct Planned;

fn panic_as_planned() -> ! {
    // Not `panic!`: nobody wants to read of it.
    resume_unwind(Box::new(Planned))
}

/// `None` if it panicked as planned.
fn catch<R>(run: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => Some(result),
        Err(payload) if payload.is::<Planned>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

pub(crate) struct Run<'a> {
    face: &'a dyn Face,
    clock: &'a ManualClock,
    scopes: Vec<Scope>,
    model: RefCell<Model>,
    values_made: Cell<u64>,
    /// Those that are still in memory, and some that were not long ago.
    values: RefCell<Vec<Weak<u64>>>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(face: &'a dyn Face, clock: &'a ManualClock, scopes: Vec<Scope>, model: Model) -> Self {
        Self { face, clock, scopes, model: model.into(), values_made: Cell::default(), values: RefCell::default() }
    }

    pub(crate) fn needless(&self) -> Needless {
        self.model().needless
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
            self.check();
        }
    }

    fn step(&self, op: &Op) {
        match op {
            Op::Load(plan) => self.load(plan),
            Op::Get(place) => {
                let found = self.face.get(*place).map(|value| *value);
                assert_eq!(found, self.model().get(*place), "what {op:?} returns");
            }
            Op::Insert { place, ttl, tags } => {
                let value = self.make_value();
                let made = Made::new(&value);
                self.face.insert(*place, value, *ttl, tags);
                self.model().insert(*place, made, *ttl, tags);
            }
            Op::InvalidateKey(place) => {
                let was_live = self.face.invalidate_key(*place);
                assert_eq!(was_live, self.model().invalidate_key(*place), "what {op:?} returns");
            }
            Op::InvalidateTags(scope, tags) => {
                self.face.invalidate_tags(*scope, tags);
                self.model().invalidate_tags(*scope, tags);
            }
            Op::InvalidateNames(scope, names) => {
                self.face.invalidate_names(*scope, names);
                for name in names {
                    self.model().invalidate_named(*scope, name);
                }
            }
            Op::InvalidateAll(scope) => {
                self.face.invalidate_all(*scope);
                self.model().invalidate_all(*scope);
            }
            Op::Write { scope, writer, inside, end } => self.write(*scope, *writer, inside, *end),
            Op::Purge => {
                self.face.purge();
                self.model().purge();
            }
            Op::Advance(by) => {
                self.clock.advance(*by);
                self.model().now += *by;
            }
        }
    }

    fn load(&self, plan: &LoadPlan) {
        let asked = self.model().ask(plan.place);
        let call = Call { run: self, plan, asked, told: RefCell::default() };
        let result = catch(|| self.face.load(&call));
        let Told { number, late, end, .. } = call.told.take();
        // The model sees what the cache still has of it.
        let returned = result.map(|result| result.map(|value| *value));
        let discarded = self.face.stats().discarded_loads;
        let mut model = self.model();
        match (asked, number, end) {
            (Ok(value), None, None) => assert_eq!(returned, Some(Ok(value)), "it is a hit: {plan:?}"),
            (Err(_), None, Some(Ended::Panic)) => assert_eq!(returned, None, "it panicked before the body: {plan:?}"),
            (Err(_), None, None) => {
                let value = model.find_late(plan.place).expect("a value that came meanwhile, if no body ran");
                assert_eq!(returned, Some(Ok(value)), "a value came meanwhile: {plan:?}");
            }
            (Err(miss), Some(number), Some(end)) => match end {
                Ended::Value(value) => {
                    assert_eq!(returned, Some(Ok(value)), "whoever loads gets what it made: {plan:?}");
                    let refused = discarded > model.stats().discarded_loads;
                    model.end(number, &late, refused);
                }
                Ended::Err => {
                    assert_eq!(returned, Some(Err(Failure)), "whoever loads gets the error: {plan:?}");
                    model.fail(number, miss);
                }
                Ended::Panic => {
                    assert_eq!(returned, None, "whoever loads gets the panic: {plan:?}");
                    model.panicked(number);
                }
            },
            _ => panic!("a call runs its closures in their order, and on a miss only: {plan:?}"),
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
        let result = catch(|| self.face.write(scope, writer, &body));
        let expected = match end {
            End::Value => Some(Ok(())),
            End::Err => Some(Err(Failure)),
            End::Panic | End::PanicBefore | End::PanicAfter => None,
        };
        assert_eq!(result, expected, "what {writer:?} returns");
        let mut model = self.model();
        for target in self.face.targets(writer, end == End::Value) {
            match target {
                Forgotten::All => model.invalidate_all(scope),
                Forgotten::Query(query) => model.invalidate_query(scope, query.id()),
                Forgotten::Key(query, key) => model.invalidate_arguments(scope, query, key),
                Forgotten::Tag(tag) => model.invalidate_tags(scope, &[tag]),
            }
        }
    }

    /// All that can be seen of a cache is what the model says.
    fn check(&self) {
        let mut model = self.model();
        model.leave_dead();
        self.face.check_invariants();
        assert_eq!(self.face.stats(), model.stats(), "statistics");
        if let Some(stats) = self.face.query_stats() {
            assert_eq!(stats, model.query_stats(), "statistics of the queries");
        }
        for &scope in &self.scopes {
            assert_eq!(self.face.len(scope), model.len(scope), "len() of {scope:?}");
            let entries = sorted(self.face.entries(scope).iter().map(Listed::from));
            assert_eq!(entries, model.listing(scope), "entries() of {scope:?}");
        }
        let mut values = self.values.borrow_mut();
        values.retain(|value| value.strong_count() > 0);
        let held = sorted(values.iter().filter_map(Weak::upgrade).map(|value| *value));
        assert_eq!(held, model.held(), "values in memory");
    }
}

/// A call that loads if it has to: what its closures do.
pub(crate) struct Call<'a> {
    run: &'a Run<'a>,
    pub(crate) plan: &'a LoadPlan,
    asked: Result<u64, Miss>,
    told: RefCell<Told>,
}

/// What the closures of a call have told the cache, as far as they were called.
#[derive(Default)]
struct Told {
    ttl: Option<Duration>,
    tags: Vec<TagName>,
    /// The load's, in the model.
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
    /// Called on a miss, before the body.
    pub(crate) fn options(&self) -> (Option<Duration>, Vec<TagName>) {
        assert!(self.asked.is_err(), "options are asked for on a miss only");
        self.run.steps(&self.plan.before);
        self.panic_if(End::PanicBefore);
        let (ttl, tags) = (self.plan.ttl, self.plan.tags.clone());
        let mut told = self.told.borrow_mut();
        (told.ttl, told.tags) = (ttl, tags.clone());
        (ttl, tags)
    }

    /// The same, where the tags are another matter than the plan.
    pub(crate) fn ttl(&self, tags: Vec<TagName>) -> Option<Duration> {
        let (ttl, _) = self.options();
        self.told.borrow_mut().tags = tags;
        ttl
    }

    pub(crate) fn body(&self) -> Result<Value, Failure> {
        let place = self.plan.place;
        let miss = self.asked.expect_err("a body runs on a miss only");
        let number = {
            let (mut told, mut model) = (self.told.borrow_mut(), self.run.model());
            // Where a value came meanwhile the time is read again, and it may be too late for the value.
            let at = if model.find(place, miss.at).is_some() { model.now } else { miss.at };
            assert_eq!(model.find(place, at), None, "a body runs although there is a value");
            let number = model.begin(place, at, told.ttl, &told.tags);
            *told.number.insert(number)
        };
        self.run.steps(&self.plan.inside);
        self.panic_if(End::Panic);
        if self.plan.end == End::Err && self.plan.fallible {
            self.told.borrow_mut().end = Some(Ended::Err);
            return Err(Failure);
        }
        let value = self.run.make_value();
        self.run.model().made(number, &value);
        self.told.borrow_mut().end = Some(Ended::Value(*value));
        Ok(value)
    }

    /// Called with the value.
    pub(crate) fn late(&self, value: u64) -> Vec<TagName> {
        assert!(matches!(self.told.borrow().end, Some(Ended::Value(made)) if made == value), "it is another value");
        self.run.steps(&self.plan.after);
        self.panic_if(End::PanicAfter);
        self.told.borrow_mut().late.clone_from(&self.plan.late);
        self.plan.late.clone()
    }

    fn panic_if(&self, end: End) {
        if self.plan.end == end {
            self.told.borrow_mut().end = Some(Ended::Panic);
            panic_as_planned();
        }
    }
}
