//! A call that missed: its options, then its load or another's value.

use std::any::Any;
use std::fmt;
use std::future::ready;
use std::marker::PhantomData;
use std::panic::UnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::audit::inspect::{Inspector, Values};
use crate::engine::Engine;
use crate::engine::mode::Mode;
use crate::entry::options::EntryOptions;
use crate::entry::{Entry, discard_value};
use crate::flight::context::Running;
use crate::flight::id::{LoadId, next_load};
use crate::flight::promise::SharedError;
use crate::history::departed::Gone;
use crate::load::aged::Standby;
use crate::load::attempt::{Absence, Attempt, Step, Waited};
use crate::load::audit::AuditedHit;
use crate::load::judge::{CacheIf, Judge, Judged, KeepAll, TagsFrom, TtlFrom, Unjudged, Weight};
use crate::load::leader::Leader;
use crate::load::outcome::Outcome;
use crate::load::second_level::{SharedLoad, Source, TakeFn, Taken, Taking};
use crate::observer::events::Subject;
use crate::shared::ticket::Ticket;
use crate::store::{Absent, Storable, Store, Wanted};
use crate::sync::Arc;
use crate::tag::Tag;
use crate::version::scope::{Scope, scope_id};

/// A call that missed. It takes the options of the entry, then loads.
///
/// `new` stores the functions that need bounds on `K` and `V`. So a type that cannot be cached is reported once.
#[must_use = "it does not load by itself"]
pub struct Miss<K, V, O, J = KeepAll> {
    pub(super) request: Request<K, V>,
    pub(super) options: EntryOptions,
    pub(super) steps: StepFns<K, V>,
    /// Makes a handle of the entry, for queries.
    make_entry: Option<MakeEntry<K, V>>,
    pub(super) judge: J,
    outcome: PhantomData<fn() -> O>,
}

/// What a miss knows of its entry.
pub(crate) struct EntryParts<K, V> {
    pub(crate) request: Request<K, V>,
    pub(crate) options: EntryOptions,
    pub(crate) judge: JudgeFn<V>,
}

/// It needs bounds on the types, and returns one that this module does not know.
pub(crate) type MakeEntry<K, V> = fn(EntryParts<K, V>) -> Box<dyn Any + Send + Sync>;

/// Judges any number of values.
pub(crate) type JudgeFn<V> = Box<dyn Fn(&V) -> Option<Judged> + Send + Sync>;

pub(crate) struct Request<K, V> {
    pub(crate) engine: Arc<Engine>,
    pub(crate) store: Arc<Store<K, V>>,
    pub(crate) scope: Option<Arc<Scope>>,
    pub(crate) hash: u64,
    pub(crate) key: K,
    pub(crate) mode: Mode,
    pub(crate) absence: Absence,
    /// The number of its load, if that is one of several with one body.
    pub(crate) batch: Option<LoadId>,
    /// If the call has hit, and its body runs only to be compared.
    pub(crate) audited: Option<Box<AuditedHit<K, V>>>,
    /// If other processes may have its value.
    pub(crate) shared: Option<Box<SharedLoad<V>>>,
}

impl<K, V> Request<K, V> {
    /// See [`KeyHash`](crate::query::KeyHash).
    pub(crate) fn mark(&self) -> u64 {
        self.shared.as_ref().map_or(0, |shared| shared.mark())
    }
}

/// Functions that need bounds on the types.
pub(super) struct StepFns<K, V> {
    pub(super) claim: fn(Request<K, V>, EntryOptions) -> Next<K, V>,
    pub(super) block: fn(Step<K, V>) -> Waited<K, V>,
    /// Without waiting, if it need not wait.
    pub(super) resume: ResumeFn<K, V>,
    pub(super) follow: FollowFns<K, V>,
    pub(super) end: EndFns<K, V>,
    /// Asks the second level.
    #[cfg_attr(not(feature = "shared"), expect(dead_code, reason = "no load does"))]
    take: TakeFn<V>,
}

/// `Err` if it has to wait.
type ResumeFn<K, V> = fn(Step<K, V>) -> Result<Waited<K, V>, Step<K, V>>;

/// How a task waits, or goes on after an error that it cannot share.
pub(super) struct FollowFns<K, V> {
    pub(super) wait: fn(Next<K, V>) -> WaitFuture<K, V>,
    pub(super) alone: Alone<K, V>,
}

pub(super) type Next<K, V> = Result<V, Step<K, V>>;

type Alone<K, V> = fn(Box<Attempt<K, V>>) -> Next<K, V>;

pub(super) struct EndFns<K, V> {
    /// Returns what the caller still waits for.
    pub(super) finish: fn(Leader<K, V>, &Source, &V, DynJudge<'_, V>) -> Ticket,
    /// Returns the value that is served instead.
    pub(super) fail: fn(Leader<K, V>, DynShare<'_>) -> Option<V>,
    pub(super) serve: fn(&Standby<K, V>) -> Option<V>,
    /// Returns the answer.
    pub(super) conclude_audit: fn(Leader<K, V>, Option<&V>) -> V,
}

macro_rules! copied {
    ($($name:ident),*) => {$(
        // Not derived, which would ask for copies of `K` and `V`.
        impl<K, V> Clone for $name<K, V> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<K, V> Copy for $name<K, V> {}
    )*};
}

copied!(StepFns, FollowFns, EndFns);

/// Boxed: rare, and it would enlarge every future.
type WaitFuture<K, V> = Pin<Box<dyn Future<Output = Waited<K, V>> + Send + Sync>>;

/// Copies an error, if it can be shared.
type DynShare<'a> = &'a mut dyn FnMut() -> Option<SharedError>;

/// A [`Judge`] that is called once.
type DynJudge<'a, V> = &'a mut dyn FnMut(&V) -> Option<Judged>;

impl<K: Storable, V: Storable> Request<K, V> {
    /// `key` is another copy of its key.
    #[cold]
    pub(crate) fn watch(&mut self, key: K)
    where
        K: Eq,
    {
        if let Mode::Entry(_) = self.mode {
            // Nothing is loaded.
            return;
        }
        let (store, gone) = (&self.store, self.absence.gone);
        let is_key = |stored: &K| *stored == self.key;
        let wanted = Wanted { hash: self.hash, scope: scope_id(self.scope.as_ref()), is_key };
        let tag =
            if let Gone::Invalidated(_) = gone { store.invalidated_tag(&self.engine.storage, &wanted) } else { None };
        let describe = store.describe;
        let subject =
            Subject::new(store.query.clone(), self.scope.clone(), move |query, out| describe(&key, query, out));
        self.engine.tell_missed(&subject, gone, store.instance, self.hash, tag.as_slice());
        self.absence.subject = Some(subject);
    }
}

impl<K: Storable, V: Storable> Request<K, V> {
    /// Of a hit whose body runs as well.
    pub(crate) fn of_audit(
        engine: Arc<Engine>,
        store: Arc<Store<K, V>>,
        scope: Option<Arc<Scope>>,
        hash: u64,
        key: K,
        mode: Mode,
        (answer, entry): (V, Arc<Entry<K, V>>),
    ) -> Self {
        let audited = AuditedHit::new(answer, entry);
        let (now, ticket) = (engine.timeline().time.now(), LoadId::default());
        let (absent, gone, arrived) = (Absent::Missing, Gone::PassedBy, engine.timeline().versions.now());
        let absence = Absence { absent, gone, now, arrived, ticket, key_node: None, subject: None };
        Self {
            engine,
            store,
            scope,
            hash,
            key,
            mode,
            absence,
            batch: None,
            audited: Some(Box::new(audited)),
            shared: None,
        }
    }
}

impl<K: Storable + Eq, V: Storable + Clone> Request<K, V> {
    fn claim(self, options: EntryOptions) -> Next<K, V> {
        let Self { engine, store, scope, hash, key, mode, absence, batch, audited, shared } = self;
        if let Some(mut hit) = audited {
            hit.begin(&engine, key);
            let id = batch.unwrap_or_else(next_load);
            return Err(Step::Lead(Leader::of_audit(engine, store, scope, hash, hit, absence.now, id)));
        }
        let candidate = engine.candidate(scope.as_ref(), &store, hash, options).with_key(key);
        Attempt::new(engine, store, scope.as_ref(), candidate, mode.read_mode(), absence, batch).sharing(shared).step()
    }
}

impl<K: Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static, O> Miss<K, V, O> {
    pub(crate) fn new(request: Request<K, V>, options: EntryOptions, make_entry: Option<MakeEntry<K, V>>) -> Self {
        let steps = StepFns {
            claim: Request::claim,
            block: Step::block,
            resume: Step::resume_if_settled,
            follow: FollowFns {
                wait: |step| match step {
                    Ok(value) => Box::pin(ready(Waited::Value(value))),
                    Err(step) => Box::pin(step.wait()),
                },
                alone: |attempt| attempt.step_alone(),
            },
            end: EndFns {
                finish: |load, source, value, judge| load.finish_from(source, value, judge),
                fail: |load, error| load.fail(error),
                serve: Standby::serve,
                conclude_audit: |load, value| load.conclude_audit(value),
            },
            take: SharedLoad::take,
        };
        Self { request, options, steps, make_entry, judge: KeepAll, outcome: PhantomData }
    }
}

impl<K, V, O, J> Miss<K, V, O, J> {
    /// How long the entry may be served.
    pub fn ttl(mut self, ttl: impl FnOnce() -> Duration) -> Self {
        self.options.ttl = Some(ttl());
        self
    }

    /// One more tag.
    pub fn tag<T: Into<Tag>>(mut self, tag: impl FnOnce() -> T) -> Self {
        self.options.push_tag(tag().into());
        self
    }

    /// One more tag, formatted from the arguments.
    pub fn formatted_tag(mut self, text: fmt::Arguments<'_>) -> Self {
        self.options.push_tag(Tag::format(text));
        self
    }

    /// More tags, from the loaded value.
    pub fn tags_from<F: FnOnce(&V) -> Vec<Tag>>(self, tags: F) -> Miss<K, V, O, TagsFrom<J, F, Vec<Tag>>> {
        self.with_judge(|judge| TagsFrom(judge, tags, PhantomData))
    }

    /// The time to live, from the loaded value. [`Query::value_ttl`](crate::private::Query::value_ttl) is set, too.
    pub fn ttl_from<F: FnOnce(&V) -> Duration>(self, ttl: F) -> Miss<K, V, O, TtlFrom<J, F>> {
        self.with_judge(|judge| TtlFrom(judge, ttl))
    }

    /// The weight, from the loaded value. Not called if nothing limits the weight.
    pub fn weight<F: FnOnce(&V) -> usize>(self, weight: F) -> Miss<K, V, O, Weight<J, F>> {
        let weight = self.request.engine.storage.limits_weight().then_some(weight);
        self.with_judge(|judge| Weight(judge, weight))
    }

    /// Other processes may have it, or get it: `write_key` appends what tells the key from others of the query. Not called
    /// without a tier.
    #[cfg(feature = "shared")]
    pub fn shared(
        mut self,
        write_key: impl FnOnce(&mut Vec<u8>) -> Result<(), crate::TierError>,
        values: crate::shared::encoding::ValueEncoding<V>,
    ) -> Self {
        let Some(shared) = self.request.engine.shared() else { return self };
        let mut key = Vec::new();
        // A key without bytes has no name in other processes: for them, its invalidation is that of the whole query.
        if write_key(&mut key).is_ok() {
            let (store, scope) = (&self.request.store, self.request.scope.as_ref());
            let load = SharedLoad::new(shared, store, scope, &key, values, self.steps.take);
            self.options.push_tag(crate::shared::mark::of_key(store.query.name, load.mark()).as_str().into());
            self.request.shared = Some(Box::new(load));
        }
        self
    }

    /// Ends without a load.
    pub(super) fn discard(self) {
        let Request { store, key, audited, .. } = self.request;
        let counters = &store.query.counters;
        discard_value(counters, key);
        if let Some(hit) = audited {
            hit.discard(counters);
        }
    }

    /// The type of its values.
    pub fn values(&self) -> Values<V> {
        Values::new()
    }

    /// How values are compared, if it is a hit that is audited.
    pub fn inspected_by(mut self, inspector: Inspector<V>) -> Self {
        if let Some(hit) = &mut self.request.audited {
            hit.inspector = Some(inspector);
        }
        self
    }

    pub(crate) fn options(&self) -> &EntryOptions {
        &self.options
    }

    pub(crate) fn with_judge<W>(self, wrap: impl FnOnce(J) -> W) -> Miss<K, V, O, W> {
        let Self { request, options, steps, make_entry, judge, outcome } = self;
        Miss { request, options, steps, make_entry, judge: wrap(judge), outcome }
    }

    /// Refuses every value, of an entry that is not loaded: what decides depends on arguments that it does not keep.
    pub fn unjudged(self) -> Miss<K, V, O, Unjudged> {
        self.with_judge(|_| Unjudged)
    }

    /// A handle of the entry, in a box of the type that `make_entry` knows.
    pub(crate) fn into_entry(self) -> Box<dyn Any + Send + Sync>
    where
        J: Judge<V> + Clone + Send + Sync + 'static,
    {
        let Self { request, options, make_entry, judge, .. } = self;
        let judge = Box::new(move |value: &V| judge.clone().judge(value));
        make_entry.expect("it is a miss of a query")(EntryParts { request, options, judge })
    }
}

impl<K, V, O> Miss<K, V, O> {
    /// Stores only a value for which this is true.
    pub fn cache_if<F: FnOnce(&V) -> bool>(self, cache_if: F) -> Miss<K, V, O, CacheIf<F>> {
        self.with_judge(|KeepAll| CacheIf(cache_if))
    }
}

impl<K, V, O: Outcome<Value = V>, J: Judge<V>> Miss<K, V, O, J> {
    /// Waits for a load in flight, or runs the body and stores a copy of its value.
    ///
    /// Only the call of the body is compiled per function.
    pub fn load(self, body: impl FnOnce() -> O::Returned) -> O::Returned {
        let Self { request, options, steps, judge, .. } = self;
        match lead::<K, V, O>(request, options, steps) {
            Ok(returned) => returned,
            Err(leads) => run::<K, V, O, J>(leads, judge, body),
        }
    }

    /// Like [`load`](Self::load), with a future.
    pub fn load_async<F: Future<Output = O::Returned>>(self, body: F) -> Loading<K, V, O, F, J> {
        let Self { request, options, steps: StepFns { claim, follow, end, .. }, judge, outcome, .. } = self;
        let stage = Stage::of(claim(request, options), &follow);
        Loading { stage, follow, end, judge: Some(judge), body: Some(body), outcome }
    }
}

/// Dropped before the end, as by a panic, its load has failed.
struct RunningBody<K, V> {
    /// Ends before the load.
    running: Running,
    load: Leader<K, V>,
    end: EndFns<K, V>,
}

/// A load that the caller leads, and how it ends.
pub(super) type Leads<K, V> = (Leader<K, V>, EndFns<K, V>);

/// Takes the value of the second level, or runs the body. Blocks this thread.
pub(super) fn run<K, V, O: Outcome<Value = V>, J: Judge<V>>(
    (load, end): Leads<K, V>,
    judge: J,
    body: impl FnOnce() -> O::Returned,
) -> O::Returned {
    let mut judge = Some(judge);
    let judge = &mut |value: &V| judge.take()?.judge(value);
    match take(load, &end, judge) {
        Ok(value) => O::hit(value),
        Err(load) => {
            let running = RunningBody::begin(load, end);
            running.end::<O>(body(), judge)
        }
    }
}

/// Blocks this thread while the second level is asked. Its value, or the load again.
#[inline(never)]
fn take<K, V>(load: Leader<K, V>, end: &EndFns<K, V>, judge: DynJudge<'_, V>) -> Result<V, Leader<K, V>> {
    let Some(taking) = load.take() else { return Err(load) };
    load.begin_span();
    // What the user's types do is part of the load.
    match load.within(|| taking.wait()) {
        Some(taken) => end.accept(load, taken, judge),
        None => Err(load),
    }
}

/// Blocks this thread while the caller follows a load, until it leads one.
#[cold]
#[inline(never)]
pub(super) fn lead<K, V, O: Outcome<Value = V>>(
    request: Request<K, V>,
    options: EntryOptions,
    StepFns { claim, block, follow: FollowFns { alone, .. }, end, .. }: StepFns<K, V>,
) -> Result<O::Returned, Leads<K, V>> {
    let mut next = claim(request, options);
    loop {
        let step = match next {
            Ok(value) => return Ok(O::hit(value)),
            Err(step) => step,
        };
        match block(step) {
            Waited::Value(value) => return Ok(O::hit(value)),
            Waited::Failed(error, attempt) => {
                if let Some(error) = O::shared_error(&error) {
                    attempt.discard();
                    return Ok(error);
                }
                next = alone(attempt);
            }
            Waited::Lead(load) => return Err((load, end)),
        }
    }
}

/// Like [`lead`], for a task.
pub(super) async fn follow<K, V, O: Outcome<Value = V>>(
    mut next: Next<K, V>,
    fns: &FollowFns<K, V>,
) -> Result<O::Returned, Leader<K, V>> {
    loop {
        let step = match next {
            Err(Step::Lead(load)) => return Err(load),
            step => step,
        };
        match (fns.wait)(step).await {
            Waited::Value(value) => return Ok(O::hit(value)),
            Waited::Lead(load) => return Err(load),
            Waited::Failed(error, attempt) => {
                if let Some(error) = O::shared_error(&error) {
                    attempt.discard();
                    return Ok(error);
                }
                next = (fns.alone)(attempt);
            }
        }
    }
}

impl<K, V> RunningBody<K, V> {
    #[inline(never)]
    fn begin(mut load: Leader<K, V>, end: EndFns<K, V>) -> Self {
        load.count();
        load.begin_span();
        Self { running: load.enter(), load, end }
    }

    #[inline(never)]
    fn end<O: Outcome<Value = V>>(self, result: O::Returned, judge: DynJudge<'_, V>) -> O::Returned {
        drop(self.running);
        let (result, after) = self.end.end::<O>(self.load, result, judge);
        after.wait();
        result
    }
}

impl<K, V> EndFns<K, V> {
    /// Ends a load with a value of the second level, if it may be used. The body does not run.
    fn accept(&self, load: Leader<K, V>, taken: Taken<V>, judge: DynJudge<'_, V>) -> Result<V, Leader<K, V>> {
        match taken.accept(&load.engine) {
            Some((value, source)) => {
                (self.finish)(load, &source, &value, judge).leave();
                Ok(value)
            }
            None => Err(load),
        }
    }

    #[inline(never)]
    fn end<O: Outcome<Value = V>>(
        &self,
        load: Leader<K, V>,
        result: O::Returned,
        judge: DynJudge<'_, V>,
    ) -> (O::Returned, Ticket) {
        if load.audited.is_some() {
            let query = load.store.query.clone();
            let answer = (self.conclude_audit)(load, O::value(&result));
            discard_value(&query.counters, result);
            return (O::hit(answer), Ticket::default());
        }
        if let Some(value) = O::value(&result) {
            let after = (self.finish)(load, &Source::Body, value, judge);
            return (result, after);
        }
        let query = load.store.query.clone();
        let result = match (self.fail)(load, &mut || O::share_error(&result)) {
            Some(value) => {
                discard_value(&query.counters, result);
                O::hit(value)
            }
            None => result,
        };
        (result, Ticket::default())
    }
}

pin_project! {
    /// A call that missed, as a future.
    ///
    /// Dropping it leaves no trace: if it was loading, a waiter loads next.
    #[must_use = "it does nothing until it is polled"]
    pub struct Loading<K, V, O, F, J> {
        stage: Stage<K, V>,
        follow: FollowFns<K, V>,
        end: EndFns<K, V>,
        judge: Option<J>,
        #[pin]
        body: Option<F>,
        outcome: PhantomData<fn() -> O>,
    }

    impl<K, V, O, F, J> PinnedDrop for Loading<K, V, O, F, J> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // Values of a body may use the cache in `Drop`, and must not wait for this load.
            match this.stage {
                Stage::Load(load) => load.within(|| this.body.set(None)),
                Stage::Take(take) => take.0.within(|| this.body.set(None)),
                Stage::Wait(_) | Stage::Put(..) | Stage::Over => this.body.set(None),
            }
        }
    }
}

// Like the cache itself: a panic in the body breaks nothing else.
impl<K, V, O, F: UnwindSafe, J: UnwindSafe> UnwindSafe for Loading<K, V, O, F, J> {}

impl<K, V, O, F, J> Loading<K, V, O, F, J> {
    /// The caller leads.
    pub(super) fn begin(load: Leader<K, V>, follow: FollowFns<K, V>, end: EndFns<K, V>, judge: J, body: F) -> Self {
        let stage = Stage::lead(load);
        Self { stage, follow, end, judge: Some(judge), body: Some(body), outcome: PhantomData }
    }
}

enum Stage<K, V> {
    Wait(WaitFuture<K, V>),
    /// The second level is asked. Boxed: few loads do, and it would enlarge every future.
    Take(Box<(Leader<K, V>, Taking<V>)>),
    Load(Leader<K, V>),
    /// The value is being stored in the second level. Boxed: values may be large, and futures hold this.
    Put(Box<(Ticket, V)>),
    Over,
}

impl<K, V> Stage<K, V> {
    #[inline(never)]
    fn of(next: Next<K, V>, follow: &FollowFns<K, V>) -> Self {
        match next {
            Err(Step::Lead(load)) => Self::lead(load),
            next => Self::Wait((follow.wait)(next)),
        }
    }

    fn lead(load: Leader<K, V>) -> Self {
        match load.take() {
            Some(taking) => {
                load.begin_span();
                Self::Take(Box::new((load, taking)))
            }
            None => Self::load(load),
        }
    }

    fn load(mut load: Leader<K, V>) -> Self {
        load.count();
        load.begin_span();
        Self::Load(load)
    }
}

impl<K, V, O, F, J> Future for Loading<K, V, O, F, J>
where
    O: Outcome<Value = V>,
    F: Future<Output = O::Returned>,
    J: Judge<V>,
{
    type Output = O::Returned;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O::Returned> {
        let mut this = self.project();
        while let Stage::Wait(wait) = this.stage {
            let waited = ready!(wait.as_mut().poll(cx));
            *this.stage = Stage::Over;
            *this.stage = match waited {
                Waited::Value(value) => return Poll::Ready(O::hit(value)),
                Waited::Lead(load) => Stage::lead(load),
                Waited::Failed(error, attempt) => match O::shared_error(&error) {
                    Some(error) => {
                        attempt.discard();
                        return Poll::Ready(error);
                    }
                    None => match (this.follow.alone)(attempt) {
                        Ok(value) => return Poll::Ready(O::hit(value)),
                        step => Stage::of(step, this.follow),
                    },
                },
            };
        }
        if let Stage::Take(take) = this.stage {
            let (load, taking) = &mut **take;
            let taken = ready!(load.within(|| Pin::new(taking).poll(cx)));
            let Stage::Take(take) = std::mem::replace(this.stage, Stage::Over) else {
                unreachable!("it was there above")
            };
            let load = match taken {
                Some(taken) => match this.end.accept(take.0, taken, &mut |value| this.judge.take()?.judge(value)) {
                    Ok(value) => return Poll::Ready(O::hit(value)),
                    Err(load) => load,
                },
                None => take.0,
            };
            *this.stage = Stage::load(load);
        }
        if let Stage::Put(put) = this.stage {
            ready!(Pin::new(&mut put.0).poll(cx));
            let Stage::Put(put) = std::mem::replace(this.stage, Stage::Over) else {
                unreachable!("it was there above")
            };
            return Poll::Ready(O::hit(put.1));
        }
        let (Stage::Load(load), Some(body)) = (&*this.stage, this.body.as_mut().as_pin_mut()) else {
            panic!("a future is not polled after it was ready");
        };
        let result = ready!(load.within(|| body.poll(cx)));
        if let (Stage::Load(load), Some(judge)) = (std::mem::replace(this.stage, Stage::Over), this.judge.take()) {
            let mut judge = Some(judge);
            let (result, mut after) = this.end.end::<O>(load, result, &mut |value| judge.take()?.judge(value));
            if after.is_over() || Pin::new(&mut after).poll(cx).is_ready() {
                return Poll::Ready(result);
            }
            return match O::into_value(result) {
                Ok(value) => {
                    *this.stage = Stage::Put(Box::new((after, value)));
                    Poll::Pending
                }
                Err(result) => Poll::Ready(result),
            };
        }
        Poll::Ready(result)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use crate::TaggedCache;

    use super::*;

    type Numbers = TaggedCache<u32, u32>;

    struct Asks<'a>(&'a Numbers, u32);

    impl Asks<'_> {
        fn ask(&self) {
            assert_eq!(self.0.get_or_load(&self.1, || 7), 7);
        }
    }

    impl Drop for Asks<'_> {
        fn drop(&mut self) {
            self.ask();
        }
    }

    #[test]
    fn p6_a_body_does_not_wait_for_itself_while_it_is_polled_or_dropped() {
        let (cache, mut cx) = (Numbers::new(), Context::from_waker(Waker::noop()));
        let mut load = Box::pin(cache.get_or_load_async(&1, async || {
            let asks = Asks(&cache, 1);
            asks.ask();
            std::future::pending::<u32>().await
        }));
        assert!(load.as_mut().poll(&mut cx).is_pending());
        drop(load);
        assert_eq!((cache.stats().loads, cache.stats().load_errors), (3, 1));
        assert_eq!(cache.get(&1), None, "what is part of a load is not stored");
    }
}
