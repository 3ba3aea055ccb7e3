//! A call for a list of ids, each of which has an entry of its own.
//!
//! All ids are looked up, and those that are missing are claimed. The body runs once for those that this call leads. Only
//! when these loads have ended does the call wait for loads of others: so no two calls with lists that overlap wait for
//! each other. If a load of another call failed or was dropped, its ids are loaded next, in one more run of the body.
//!
//! Ids that have hit and are audited come last: when the answers of all others are known, the body runs once for these.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::Hash;

use crate::clock::FOREVER;
use crate::entry::discard_value;
use crate::flight::context::{Context, LoadStart};
use crate::flight::id::{LoadId, next_load};
use crate::flight::promise::SharedError;
use crate::load::attempt::{Step, Waited};
use crate::load::context::LoadContext;
use crate::load::judge::{Judge, KeepAll};
use crate::load::leader::Leader;
use crate::load::miss::{Miss, Request, StepFns};
use crate::load::outcome::{Outcome, Whole};
use crate::load::second_level::Source;
use crate::query::state::QueryState;
use crate::sync::Arc;
use crate::version::tag_set::TagSet;

/// What a query with `each` returns: pairs of an id and what belongs to it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no map from ids to values",
    label = "what a query with `each` returns",
    note = "a query with `each` returns a type that iterates over pairs and can be collected from pairs, such as `HashMap<Id, Value>` or `Vec<(Id, Value)>`, or a `Result` of one"
)]
pub trait Pairs: IntoIterator<Item = (Self::Id, Self::Of)> + FromIterator<(Self::Id, Self::Of)> {
    /// An id of the list.
    type Id;
    /// What belongs to an id.
    type Of;
}

#[diagnostic::do_not_recommend]
impl<M, I, T> Pairs for M
where
    M: IntoIterator<Item = (I, T)> + FromIterator<(I, T)>,
{
    type Id = I;
    type Of = T;
}

/// An id of a list.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an id of a list",
    label = "a query with `each` is cached by these",
    note = "an id is `Hash + Eq + Clone`, like all that is part of a key"
)]
pub trait ListId: Hash + Eq + Clone {}

#[diagnostic::do_not_recommend]
impl<I: Hash + Eq + Clone> ListId for I {}

/// A call for a list of ids `I`, of which a `T` is stored each; `R` is what the query returns. Dropped half-done, its loads
/// are left to others.
///
/// Functions that need bounds on the types are taken when it is made. So a wrong type is reported once.
#[must_use = "it does nothing by itself"]
pub struct Batch<I, T, R, K, J = KeepAll> {
    /// In the order of the list, without duplicates.
    ids: Vec<I>,
    slots: Slots<K, T, J>,
    known: HashSet<I>,
    fns: MapFns<I, T, R>,
    /// Of all loads that it begins.
    load: LoadId,
    /// Of a miss: the same for all.
    steps: Option<StepFns<K, Option<T>>>,
    /// Of the body that runs.
    context: Option<Arc<Context>>,
    /// The error of another call that it waited for.
    failed: Option<R>,
}

struct MapFns<I, T, R> {
    knows: fn(&HashSet<I>, &I) -> bool,
    insert: fn(&mut HashSet<I>, I) -> bool,
    clone: fn(&I) -> I,
    into_pairs: fn(R) -> Result<HashMap<I, T>, R>,
    remove: fn(&mut HashMap<I, T>, &I) -> Option<T>,
    collect: fn(&mut dyn Iterator<Item = (I, T)>) -> R,
    share_error: fn(&R) -> Option<SharedError>,
    shared_error: fn(&SharedError) -> Option<R>,
}

/// A miss of one id: `None` is stored if the body does not return it.
type MissOf<K, T, J> = Miss<K, Option<T>, Whole<Option<T>>, J>;

/// One for each id. Values that nobody takes are discarded.
struct Slots<K, T, J> {
    all: Vec<Slot<K, T, J>>,
    /// Of a miss. Without one nothing is left over.
    query: Option<Arc<QueryState>>,
}

impl<K, T, J> Drop for Slots<K, T, J> {
    fn drop(&mut self) {
        let Some(query) = &self.query else { return };
        for slot in self.all.drain(..) {
            match slot {
                Slot::Known(value) => discard_value(&query.counters, value),
                Slot::Missed(miss) => miss.discard(),
                Slot::Leads(..) | Slot::Follows(..) | Slot::Taken => {}
            }
        }
    }
}

enum Slot<K, T, J> {
    Known(Option<T>),
    /// Or a hit that is audited. Boxed: it is large.
    Missed(Box<MissOf<K, T, J>>),
    /// All of these are loads, or all are audits.
    Leads(Leader<K, Option<T>>, J),
    Follows(Step<K, Option<T>>, J),
    /// While it changes, and after a panic.
    Taken,
}

impl<I, T, R, K, J> Batch<I, T, R, K, J> {
    /// A call without ids.
    pub fn new<O>(_outcome: O) -> Self
    where
        I: ListId,
        O: Outcome<Returned = R, Value: Pairs<Id = I, Of = T>>,
    {
        Self::of::<O>()
    }

    pub(crate) fn of<O>() -> Self
    where
        I: ListId,
        O: Outcome<Returned = R, Value: Pairs<Id = I, Of = T>>,
    {
        let fns = MapFns {
            knows: HashSet::contains,
            insert: HashSet::insert,
            clone: I::clone,
            into_pairs: |result| Ok(O::into_value(result)?.into_iter().collect()),
            remove: HashMap::remove,
            collect: |pairs| O::hit(pairs.collect()),
            share_error: O::share_error,
            shared_error: O::shared_error,
        };
        let slots = Slots { all: Vec::new(), query: None };
        let (ids, known) = (Vec::new(), HashSet::new());
        Self { ids, slots, known, fns, load: next_load(), steps: None, context: None, failed: None }
    }

    /// How the value of one id is cached.
    pub fn outcome(&self) -> Whole<Option<T>> {
        Whole::new()
    }

    /// Whether an id has not been added.
    pub fn is_new(&self, id: &I) -> bool {
        !(self.fns.knows)(&self.known, id)
    }

    /// Adds a new id, and what was found for it.
    pub fn add(&mut self, id: &I, found: Result<Option<T>, MissOf<K, T, J>>) {
        (self.fns.insert)(&mut self.known, (self.fns.clone)(id));
        self.ids.push((self.fns.clone)(id));
        self.slots.all.push(match found {
            Ok(value) => Slot::Known(value),
            Err(miss) => {
                self.steps = Some(miss.steps);
                self.slots.query.get_or_insert_with(|| miss.request.store.query.clone());
                Slot::Missed(Box::new(miss))
            }
        });
    }

    /// The ids that the body runs for next, to be loaded or at last to be audited; `None` if there are none, or one has
    /// failed. Blocks this thread while there are only loads of others.
    pub fn to_load(&mut self) -> Option<Vec<I>> {
        let steps = self.claim()?;
        while !self.has_leads() {
            let Some((at, step, judge)) = self.first_followed() else { return self.audits(&steps) };
            self.settle(&steps, at, (steps.block)(step), judge);
            self.settle_others(&steps);
        }
        Some(self.leads())
    }

    /// Like [`to_load`](Self::to_load), for a task.
    pub async fn to_load_async(&mut self) -> Option<Vec<I>> {
        let steps = self.claim()?;
        while !self.has_leads() {
            let Some((at, step, judge)) = self.first_followed() else { return self.audits(&steps) };
            let waited = (steps.follow.wait)(Err(step)).await;
            self.settle(&steps, at, waited, judge);
            self.settle_others(&steps);
        }
        Some(self.leads())
    }

    /// Begins the loads, or the audits. The body runs in this context.
    pub fn context(&mut self) -> LoadContext {
        self.slots.all.iter_mut().filter_map(Slot::leader_mut).for_each(Leader::count);
        let loads: Vec<_> = self.slots.all.iter().filter_map(Slot::leader).collect();
        let Some(any) = loads.first() else { return LoadContext::default() };
        let is_audit = any.audited.is_some();
        let shared = if is_audit {
            any.context.clone()
        } else {
            // What the body reads is attached here, and at the end to each load.
            let (tags, began) = (TagSet::default(), any.context.began);
            let start = LoadStart { tags, own_ttl: false, began, expires_at: FOREVER, is_audit };
            Context::new(self.load, any.context.timeline.clone(), any.store.query.clone(), start)
        };
        shared.span.begin_batch(&any.store.query, any.scope.as_ref(), loads.len());
        for load in &loads {
            load.context.span.join(&shared.span);
        }
        // A load that was taken over has another number. The body must not wait for that one, either.
        let others = loads.iter().map(|load| &load.context).filter(|context| context.id != self.load);
        let context = LoadContext::of(others.cloned().chain([shared.clone()]).collect());
        self.context = (!is_audit).then_some(shared);
        context
    }

    /// Ends the loads, or the audits, with the result of the body. Returns it if it is an error, and not all ids have a value
    /// that is served instead.
    pub fn end(&mut self, result: R) -> Option<R>
    where
        J: Judge<Option<T>>,
    {
        let end = self.steps?.end;
        if let Some(shared) = self.context.take() {
            let read = shared.end(&TagSet::default());
            for load in self.slots.all.iter().filter_map(Slot::leader) {
                load.context.attach_read(&read);
            }
        }
        match (self.fns.into_pairs)(result) {
            Ok(mut pairs) => {
                for (id, slot) in self.ids.iter().zip(&mut self.slots.all) {
                    let Some((load, judge)) = slot.take_lead() else { continue };
                    let (value, mut judge) = ((self.fns.remove)(&mut pairs, id), Some(judge));
                    if load.audited.is_some() {
                        let query = load.store.query.clone();
                        *slot = Slot::Known((end.conclude_audit)(load, Some(&value)));
                        discard_value(&query.counters, value);
                        continue;
                    }
                    // A query of lists is not in the second level.
                    (end.finish)(load, &Source::Body, &value, &mut |value| judge.take()?.judge(value)).leave();
                    *slot = Slot::Known(value);
                }
                if let Some(query) = &self.slots.query {
                    discard_value(&query.counters, pairs);
                }
                None
            }
            Err(failed) => {
                let mut are_all_served = true;
                for slot in &mut self.slots.all {
                    let Some((load, _)) = slot.take_lead() else { continue };
                    let served = if load.audited.is_some() {
                        Some((end.conclude_audit)(load, None))
                    } else {
                        (end.fail)(load, &mut || (self.fns.share_error)(&failed))
                    };
                    match served {
                        Some(value) => *slot = Slot::Known(value),
                        None => are_all_served = false,
                    }
                }
                if !are_all_served {
                    return Some(failed);
                }
                if let Some(query) = &self.slots.query {
                    discard_value(&query.counters, failed);
                }
                None
            }
        }
    }

    /// The values of all ids, or the error of another call that it waited for.
    pub fn into_returned(self) -> R {
        if let Some(failed) = self.failed {
            return failed;
        }
        let Self { ids, mut slots, .. } = self;
        let known = ids.into_iter().zip(std::mem::take(&mut slots.all));
        (self.fns.collect)(&mut known.filter_map(|(id, slot)| match slot {
            Slot::Known(value) => Some((id, value?)),
            Slot::Missed(_) | Slot::Leads(..) | Slot::Follows(..) | Slot::Taken => None,
        }))
    }

    /// Claims what is missing. `None` if each id is a hit that is not audited.
    fn claim(&mut self) -> Option<StepFns<K, Option<T>>> {
        let steps = self.steps?;
        self.claim_each(&steps, |miss| miss.request.audited.is_none());
        Some(steps)
    }

    /// The ids that have hit and are audited, after all loads.
    fn audits(&mut self, steps: &StepFns<K, Option<T>>) -> Option<Vec<I>> {
        if self.failed.is_some() {
            return None;
        }
        self.claim_each(steps, |miss| miss.request.audited.is_some());
        let ids = self.leads();
        (!ids.is_empty()).then_some(ids)
    }

    fn claim_each(&mut self, steps: &StepFns<K, Option<T>>, is_claimed: impl Fn(&MissOf<K, T, J>) -> bool) {
        for slot in &mut self.slots.all {
            if let Slot::Missed(miss) = slot
                && is_claimed(miss)
                && let Slot::Missed(miss) = slot.take()
            {
                let Miss { request, options, judge, .. } = *miss;
                let request = Request { batch: Some(self.load), ..request };
                *slot = Slot::of((steps.claim)(request, options), judge);
            }
        }
    }

    fn has_leads(&self) -> bool {
        self.failed.is_none() && self.slots.all.iter().any(|slot| slot.leader().is_some())
    }

    fn leads(&self) -> Vec<I> {
        let ids = self.ids.iter().zip(&self.slots.all);
        ids.filter(|(_, slot)| slot.leader().is_some()).map(|(id, _)| (self.fns.clone)(id)).collect()
    }

    fn first_followed(&mut self) -> Option<(usize, Step<K, Option<T>>, J)> {
        if self.failed.is_some() {
            return None;
        }
        let at = self.slots.all.iter().position(|slot| matches!(slot, Slot::Follows(..)))?;
        let (step, judge) = self.slots.all[at].take_followed()?;
        Some((at, step, judge))
    }

    /// Those whose loads have ended. This call may lead now, and must not wait before it has loaded.
    fn settle_others(&mut self, steps: &StepFns<K, Option<T>>) {
        for at in 0..self.slots.all.len() {
            let Some((step, judge)) = self.slots.all[at].take_followed() else { continue };
            match (steps.resume)(step) {
                Ok(waited) => self.settle(steps, at, waited, judge),
                Err(step) => self.slots.all[at] = Slot::of(Err(step), judge),
            }
        }
    }

    fn settle(&mut self, steps: &StepFns<K, Option<T>>, at: usize, waited: Waited<K, Option<T>>, judge: J) {
        self.slots.all[at] = match waited {
            Waited::Value(value) => Slot::Known(value),
            Waited::Lead(load) => Slot::Leads(load, judge),
            Waited::Failed(error, attempt) => match (self.fns.shared_error)(&error) {
                Some(failed) => {
                    attempt.discard();
                    self.failed = Some(failed);
                    Slot::Taken
                }
                None => Slot::of((steps.follow.alone)(attempt), judge),
            },
        };
    }
}

impl<K, T, J> Slot<K, T, J> {
    fn of(next: Result<Option<T>, Step<K, Option<T>>>, judge: J) -> Self {
        match next {
            Ok(value) => Self::Known(value),
            Err(Step::Lead(load)) => Self::Leads(load, judge),
            Err(step) => Self::Follows(step, judge),
        }
    }

    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Taken)
    }

    fn leader_mut(&mut self) -> Option<&mut Leader<K, Option<T>>> {
        if let Self::Leads(load, _) = self { Some(load) } else { None }
    }

    fn leader(&self) -> Option<&Leader<K, Option<T>>> {
        if let Self::Leads(load, _) = self { Some(load) } else { None }
    }

    fn take_lead(&mut self) -> Option<(Leader<K, Option<T>>, J)> {
        self.leader()?;
        if let Self::Leads(load, judge) = self.take() { Some((load, judge)) } else { None }
    }

    fn take_followed(&mut self) -> Option<(Step<K, Option<T>>, J)> {
        if !matches!(self, Self::Follows(..)) {
            return None;
        }
        if let Self::Follows(step, judge) = self.take() { Some((step, judge)) } else { None }
    }
}

impl<I, T, R, K, J> fmt::Debug for Batch<I, T, R, K, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("ids", &self.ids.len()).finish_non_exhaustive()
    }
}
