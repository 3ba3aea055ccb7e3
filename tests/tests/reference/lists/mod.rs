//! Lists of ids, each with an entry of its own, against a model that knows only single ids.
//!
//! Nothing is evicted: which entries are, the other model checks.

mod model;
mod ops;
mod subjects;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use cache_core::{ManualClock, Stats};
use proptest::collection::vec;
use proptest::test_runner::{TestError, TestRunner};

use crate::run::Failure;
use crate::windows::Windows;
use crate::{WINDOWS, config};

use model::{Counts, Model, Place, Target};
use ops::{IDS, Op, Plan};
use subjects::{Annotated, Direct, OF_QUERY, Subject, TTL};

const CAPACITIES: [usize; 2] = [0, 100];

#[test]
fn lists_of_a_tagged_cache() {
    for (capacity, windows) in CAPACITIES.into_iter().flat_map(|capacity| WINDOWS.map(|windows| (capacity, windows))) {
        compare(true, capacity, windows, |clock| Box::new(Direct::new(capacity, windows, clock)));
    }
}

#[test]
fn lists_of_an_annotated_query() {
    for capacity in CAPACITIES {
        compare(false, capacity, OF_QUERY, |clock| Box::new(Annotated::new(capacity, clock)));
    }
}

fn compare(is_direct: bool, capacity: usize, windows: Windows, make: impl Fn(&ManualClock) -> Box<dyn Subject>) {
    let (config, stale_hits) = (config(300), Cell::new(0));
    let outcome = TestRunner::new(config.clone()).run(&vec(ops::op(is_direct, 1), 1..25), |ops| {
        let clock = ManualClock::new();
        let subject = make(&clock);
        let model = RefCell::new(Model::new(capacity > 0, windows, TTL));
        let (is_down, known, values_made) = (Cell::new(false), RefCell::new((0..IDS).collect()), Cell::new(0));
        let run = Run { subject: &*subject, clock: &clock, model, is_down, known, values_made };
        run.steps(&ops);
        stale_hits.set(stale_hits.get() + run.model.borrow().counts.stale_hits);
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, ops)) => {
            panic!("capacity {capacity}, {windows:?}, seed {}: {why}\n{ops:#?}", config.rng_seed)
        }
        Err(error) => panic!("capacity {capacity}, {windows:?}: {error}"),
    }
    let serves_expired = capacity > 0 && windows.is_kept(TTL, TTL);
    assert_eq!(stale_hits.get() > 0, serves_expired, "{} expired answers", stale_hits.get());
}

/// The payload of a planned panic.
struct Planned;

struct Run<'a> {
    subject: &'a dyn Subject,
    clock: &'a ManualClock,
    model: RefCell<Model>,
    /// Whether the source fails.
    is_down: Cell<bool>,
    /// The ids that the source knows.
    known: RefCell<HashSet<u8>>,
    values_made: Cell<u64>,
}

impl Run<'_> {
    fn steps(&self, ops: &[Op]) {
        for op in ops {
            self.step(op);
            self.check();
        }
    }

    fn make_value(&self) -> u64 {
        self.values_made.set(self.values_made.get() + 1);
        self.values_made.get()
    }

    fn step(&self, op: &Op) {
        let model = || self.model.borrow_mut();
        match op {
            Op::Each(plan) => self.each(plan),
            Op::Get(place) => assert_eq!(self.subject.get(*place), model().get(*place), "what {op:?} returns"),
            Op::Insert(place, is_known) => {
                let value = is_known.then(|| self.make_value());
                self.subject.insert(*place, value);
                model().insert(*place, value);
            }
            Op::InvalidateKey(place) => {
                assert_eq!(self.subject.invalidate_key(*place), model().has(*place), "what {op:?} returns");
                model().invalidate(None, Target::Place(*place));
            }
            Op::Invalidate(scope, target) => {
                self.subject.invalidate(*scope, *target);
                model().invalidate(*scope, *target);
            }
            Op::Purge => self.subject.purge(),
            Op::Advance(by) => {
                self.clock.advance(*by);
                model().now += *by;
            }
            Op::SetDown(is_down) => self.is_down.set(*is_down),
            Op::SetKnown(id, true) => _ = self.known.borrow_mut().insert(*id),
            Op::SetKnown(id, false) => _ = self.known.borrow_mut().remove(id),
        }
    }

    fn each(&self, plan: &Plan) {
        let place = |id: &u8| (plan.scope, *id);
        let mut ids = plan.ids.clone();
        ids.retain(|id| !self.model.borrow().is_doomed(place(id)));
        // In the order of the list, each once.
        let (mut answers, mut missing) = (Vec::<(u8, Option<u64>)>::new(), Vec::new());
        for id in &ids {
            if answers.iter().any(|(of, _)| of == id) || missing.contains(id) {
                continue;
            }
            match self.model.borrow_mut().look_up(place(id)) {
                Some(value) => answers.push((*id, value)),
                None => missing.push(*id),
            }
        }
        let bodies = Cell::new(0);
        let body = |asked: &[u8]| {
            bodies.set(bodies.get() + 1);
            assert_eq!(asked, missing, "the body runs for what is missing: {plan:?}");
            let places: Vec<Place> = missing.iter().map(place).collect();
            self.model.borrow_mut().begin(&places);
            self.steps(&plan.inside);
            if plan.panics {
                // Not `panic!`, which prints a message.
                resume_unwind(Box::new(Planned));
            }
            if plan.fallible && self.is_down.get() {
                return Err(Failure);
            }
            let known = missing.iter().filter(|id| self.known.borrow().contains(id));
            Ok(known.map(|id| (*id, self.make_value())).collect::<HashMap<_, _>>())
        };
        let values = RefCell::new(None);
        let body = |asked: &[u8]| {
            let result = body(asked);
            *values.borrow_mut() = Some(result.clone());
            result
        };
        let returned = catch_unwind(AssertUnwindSafe(|| {
            if plan.is_key && ids.len() == 1 {
                let id = ids[0];
                self.subject
                    .one(place(&id), plan.fallible, &body)
                    .map(|value| value.map(|value| (id, value)).into_iter().collect())
            } else {
                self.subject.each(plan.scope, &ids, plan.fallible, &body)
            }
        }));
        assert_eq!(bodies.get(), u32::from(!missing.is_empty()), "one body for all: {plan:?}");
        let mut model = self.model.borrow_mut();
        let found = match values.take() {
            _ if missing.is_empty() => Some(Vec::new()),
            Some(Ok(values)) => {
                model.end(&values);
                Some(missing.iter().map(|id| values.get(id).copied()).collect())
            }
            // All, or the error.
            Some(Err(Failure)) => model.fail().into_iter().collect(),
            None => {
                model.panicked();
                let payload = returned.expect_err("the body has panicked");
                if !payload.is::<Planned>() {
                    resume_unwind(payload);
                }
                return;
            }
        };
        let returned = returned.unwrap_or_else(|panic| resume_unwind(panic));
        let expected = found.ok_or(Failure).map(|found| {
            answers.extend(missing.iter().copied().zip(found));
            let place_of = |id: &u8| ids.iter().position(|of| of == id);
            answers.sort_by_key(|(id, _)| place_of(id));
            answers.iter().filter_map(|(id, value)| Some((*id, (*value)?))).collect::<Vec<_>>()
        });
        assert_eq!(returned, expected, "what {plan:?} returns");
    }

    fn check(&self) {
        let (model, stats) = (self.model.borrow(), self.subject.stats());
        self.subject.check_invariants();
        assert_eq!(counts(&stats), model.counts, "statistics");
        assert_eq!(self.subject.lens(), (model.len(), model.len_with_stale()), "len() and len_with_stale()");
    }
}

fn counts(stats: &Stats) -> Counts {
    let Stats { hits, misses, loads, load_errors, discarded_loads, refreshes, stale_hits, .. } = *stats;
    Counts { hits, misses, loads, load_errors, discarded_loads, refreshes, stale_hits }
}
