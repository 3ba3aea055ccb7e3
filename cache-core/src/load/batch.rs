//! A call for a list of ids, each of which has an entry of its own.
//!
//! All ids are looked up, and those that are missing are claimed. The body runs once for those that this call leads. Only
//! when these loads have ended does the call wait for loads of others: so no two calls with lists that overlap wait for
//! each other. If a load of another call failed or was dropped, its ids are loaded next, in one more run of the body.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;

use crate::clock::FOREVER;
use crate::flight::context::{Context, LoadStart};
use crate::flight::id::{LoadId, next_load};
use crate::load::attempt::{Step, Waited};
use crate::load::context::LoadContext;
use crate::load::judge::{Judge, KeepAll};
use crate::load::leader::Leader;
use crate::load::miss::{Miss, Request};
use crate::load::outcome::Outcome;
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
    type Id: Hash + Eq + Clone;
    /// What belongs to an id.
    type Of;
}

#[diagnostic::do_not_recommend]
impl<M, I: Hash + Eq + Clone, T> Pairs for M
where
    M: IntoIterator<Item = (I, T)> + FromIterator<(I, T)>,
{
    type Id = I;
    type Of = T;
}

type IdOf<O> = <<O as Outcome>::Value as Pairs>::Id;

/// What is stored for an id: `None` if the body did not return it.
type ValueOf<O> = Option<<<O as Outcome>::Value as Pairs>::Of>;

/// How the value of one id is cached.
pub struct One<O>(PhantomData<fn() -> O>);

impl<O: Outcome<Value: Pairs>> Outcome for One<O> {
    type Returned = ValueOf<O>;
    type Value = ValueOf<O>;

    fn hit(value: ValueOf<O>) -> ValueOf<O> {
        value
    }

    fn value(result: &ValueOf<O>) -> Option<&ValueOf<O>> {
        Some(result)
    }

    fn into_value(result: ValueOf<O>) -> Result<ValueOf<O>, ValueOf<O>> {
        Ok(result)
    }

    fn is_ok(_: &ValueOf<O>) -> bool {
        true
    }
}

/// A call for a list of ids. Dropped half-done, its loads are left to others.
#[must_use = "it does nothing by itself"]
pub struct Batch<O: Outcome<Value: Pairs>, K, J = KeepAll> {
    /// In the order of the list, without duplicates.
    ids: Vec<(IdOf<O>, Slot<K, ValueOf<O>, One<O>, J>)>,
    indices: HashMap<IdOf<O>, usize>,
    /// Of all loads that it begins.
    load: LoadId,
    /// Of the body that runs.
    context: Option<Arc<Context>>,
    /// The error of another call that it waited for.
    failed: Option<O::Returned>,
}

enum Slot<K, V, O, J> {
    Known(V),
    Missed(Miss<K, V, O, J>),
    Leads(Leader<K, V>, J),
    Follows(Step<K, V>, J),
    /// While it changes, and after a panic.
    Taken,
}

impl<O: Outcome<Value: Pairs>, K, J> Batch<O, K, J> {
    /// A call without ids.
    pub fn new(_outcome: O) -> Self {
        Self::of()
    }

    pub(crate) fn of() -> Self {
        Self { ids: Vec::new(), indices: HashMap::new(), load: next_load(), context: None, failed: None }
    }

    /// How the value of one id is cached.
    pub fn outcome(&self) -> One<O> {
        One(PhantomData)
    }

    /// Whether an id has not been added.
    pub fn is_new(&self, id: &IdOf<O>) -> bool {
        !self.indices.contains_key(id)
    }

    /// Adds a new id, and what was found for it.
    pub fn add(&mut self, id: &IdOf<O>, found: Result<ValueOf<O>, Miss<K, ValueOf<O>, One<O>, J>>) {
        self.indices.insert(id.clone(), self.ids.len());
        self.ids.push((id.clone(), found.map_or_else(Slot::Missed, Slot::Known)));
    }

    /// The values of all ids, or the error of another call that it waited for.
    pub fn into_returned(self) -> O::Returned {
        if let Some(failed) = self.failed {
            return failed;
        }
        let known = self.ids.into_iter().filter_map(|(id, slot)| match slot {
            Slot::Known(value) => Some((id, value?)),
            Slot::Missed(_) | Slot::Leads(..) | Slot::Follows(..) | Slot::Taken => None,
        });
        O::hit(known.collect())
    }
}

impl<O, K, J> Batch<O, K, J>
where
    O: Outcome<Value: Pairs>,
    ValueOf<O>: Clone + Send + Sync + 'static,
    K: Eq + Send + Sync + 'static,
    J: Judge<ValueOf<O>>,
{
    /// The ids to load next; `None` if all are known, or one has failed. Blocks this thread while there are only loads of
    /// others.
    pub fn next(&mut self) -> Option<Vec<IdOf<O>>> {
        self.claim();
        while !self.has_leads() {
            let (at, step, judge) = self.first_followed()?;
            self.settle(at, Ok(step.block()), judge);
            self.settle_others();
        }
        self.leads()
    }

    /// Like [`next`](Self::next), for a task.
    pub async fn next_async(&mut self) -> Option<Vec<IdOf<O>>> {
        self.claim();
        while !self.has_leads() {
            let (at, step, judge) = self.first_followed()?;
            let waited = step.wait().await;
            self.settle(at, Ok(waited), judge);
            self.settle_others();
        }
        self.leads()
    }

    /// Begins the loads. The body runs in this context.
    pub fn context(&mut self) -> LoadContext {
        let loads: Vec<_> = self.ids.iter().filter_map(|(_, slot)| slot.leader()).collect();
        loads.iter().for_each(|load| load.count());
        let Some(any) = loads.first() else { return LoadContext::default() };
        // What the body reads is attached here, and at the end to each load.
        let tags = TagSet::default();
        let start = LoadStart { tags, own_ttl: false, began: any.context.began, expires_at: FOREVER };
        let shared = Context::new(self.load, any.context.timeline.clone(), any.store.query.clone(), start);
        self.context = Some(shared.clone());
        // A load that was taken over has another number. The body must not wait for that one, either.
        let others = loads.iter().map(|load| &load.context).filter(|context| context.id != self.load);
        LoadContext::of(others.cloned().chain([shared]).collect())
    }

    /// Ends the loads with the result of the body. Returns it if it is an error, and not all ids have a value that is
    /// served instead.
    pub fn end(&mut self, result: O::Returned) -> Option<O::Returned> {
        if let Some(shared) = self.context.take() {
            let read = shared.end(&TagSet::default());
            self.ids.iter().filter_map(|(_, slot)| slot.leader()).for_each(|load| load.context.attach_read(&read));
        }
        match O::into_value(result) {
            Ok(pairs) => {
                let mut pairs: HashMap<_, _> = pairs.into_iter().collect();
                for (id, slot) in &mut self.ids {
                    let Some((load, judge)) = slot.take_lead() else { continue };
                    let value = pairs.remove(id);
                    load.finish(&value, |value| judge.judge(value));
                    *slot = Slot::Known(value);
                }
                None
            }
            Err(failed) => {
                let mut are_all_served = true;
                for (_, slot) in &mut self.ids {
                    let Some((load, _)) = slot.take_lead() else { continue };
                    match load.fail(|| O::share_error(&failed)) {
                        Some(value) => *slot = Slot::Known(value),
                        None => are_all_served = false,
                    }
                }
                (!are_all_served).then_some(failed)
            }
        }
    }

    fn claim(&mut self) {
        for (_, slot) in &mut self.ids {
            if let Slot::Missed(_) = slot
                && let Slot::Missed(Miss { request, options, steps, judge, .. }) = slot.take()
            {
                let request = Request { batch: Some(self.load), ..request };
                *slot = Slot::of((steps.claim)(request, options), judge);
            }
        }
    }

    fn has_leads(&self) -> bool {
        self.failed.is_none() && self.ids.iter().any(|(_, slot)| slot.leader().is_some())
    }

    fn leads(&self) -> Option<Vec<IdOf<O>>> {
        let leads = self.ids.iter().filter(|(_, slot)| slot.leader().is_some());
        Some(leads.map(|(id, _)| id.clone()).collect())
    }

    fn first_followed(&mut self) -> Option<(usize, Step<K, ValueOf<O>>, J)> {
        if self.failed.is_some() {
            return None;
        }
        let at = self.ids.iter().position(|(_, slot)| matches!(slot, Slot::Follows(..)))?;
        let (step, judge) = self.ids[at].1.take_followed()?;
        Some((at, step, judge))
    }

    /// Those whose loads have ended. This call may lead now, and must not wait before it has loaded.
    fn settle_others(&mut self) {
        for at in 0..self.ids.len() {
            if let Slot::Follows(step, _) = &self.ids[at].1
                && step.is_settled()
                && let Some((step, judge)) = self.ids[at].1.take_followed()
            {
                self.settle(at, step.resume(), judge);
            }
        }
    }

    fn settle(&mut self, at: usize, waited: Result<Waited<K, ValueOf<O>>, Step<K, ValueOf<O>>>, judge: J) {
        self.ids[at].1 = match waited {
            Err(step) => Slot::of(Err(step), judge),
            Ok(Waited::Value(value)) => Slot::Known(value),
            Ok(Waited::Lead(load)) => Slot::Leads(load, judge),
            Ok(Waited::Failed(error, attempt)) => match O::shared_error(&error) {
                Some(failed) => {
                    attempt.discard();
                    self.failed = Some(failed);
                    Slot::Taken
                }
                None => Slot::of(attempt.step_alone(), judge),
            },
        };
    }
}

impl<K, V, O, J> Slot<K, V, O, J> {
    fn of(next: Result<V, Step<K, V>>, judge: J) -> Self {
        match next {
            Ok(value) => Self::Known(value),
            Err(Step::Lead(load)) => Self::Leads(load, judge),
            Err(step) => Self::Follows(step, judge),
        }
    }

    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Taken)
    }

    fn leader(&self) -> Option<&Leader<K, V>> {
        if let Self::Leads(load, _) = self { Some(load) } else { None }
    }

    fn take_lead(&mut self) -> Option<(Leader<K, V>, J)> {
        self.leader()?;
        if let Self::Leads(load, judge) = self.take() { Some((load, judge)) } else { None }
    }

    fn take_followed(&mut self) -> Option<(Step<K, V>, J)> {
        if let Self::Follows(step, judge) = self.take() { Some((step, judge)) } else { None }
    }
}

impl<O> fmt::Debug for One<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("One")
    }
}

impl<O: Outcome<Value: Pairs>, K, J> fmt::Debug for Batch<O, K, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("ids", &self.ids.len()).finish_non_exhaustive()
    }
}
