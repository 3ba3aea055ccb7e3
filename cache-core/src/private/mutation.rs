//! Mutations: targets, bodies, and the invalidation that follows.

use std::fmt;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use smallvec::SmallVec;

use crate::audit::writes::Write;
use crate::cache::Cache;
use crate::engine::Engine;
use crate::engine::publishing::{Announced, Published};
use crate::engine::target::ScopedTarget;
use crate::engine::transaction::HeldTarget;
use crate::history::Writer;
use crate::load::outcome::Outcome;
use crate::private::caches::{Caches, OfFunction, OfMethod, OtherCache};
use crate::private::from_value::{FromResult, FromValue, ValueTargets};
use crate::private::put::PutTarget;
use crate::private::target::{
    EntryToPut, KnownToFunctions, KnownToMethods, Names, PutValues, Target, TargetKind, TargetList, Targets,
};
use crate::query::mutation_facts::{MutationFacts, MutationSite};
use crate::query_entry::QueryEntry;
use crate::query_entry::keyed::AnyKeyedEntry;
use crate::query_entry::put::AnyPut;
use crate::read_point::ReadPoint;
use crate::shared::ticket::Ticket;
use crate::sync::Arc;
use crate::sync::unwind::catch;
use crate::tag::Tag;
use crate::waiting::{Holder, Waiting};

/// A mutation whose targets are being collected. `C`: the caches that it knows. `S`: the type of its `self`.
#[must_use = "it invalidates nothing by itself"]
pub struct Mutation<'a, C, S: ?Sized, O, T> {
    cache: &'a Cache,
    this: &'a S,
    site: MutationSite,
    targets: T,
    types: PhantomData<fn() -> (C, O)>,
}

/// The targets of a method.
pub fn of_method<'a, S: ?Sized, O>(
    facts: &'static MutationFacts,
    _outcome: O,
    cache: &'a Cache,
    this: &'a S,
) -> Mutation<'a, OfMethod, S, O, ()> {
    Mutation { cache, this, site: MutationSite::of::<S>(facts), targets: (), types: PhantomData }
}

/// The targets of a function without `self`.
pub fn of_function<'a, O>(
    facts: &'static MutationFacts,
    _outcome: O,
    cache: &'a Cache,
) -> Mutation<'a, OfFunction, (), O, ()> {
    Mutation { cache, this: &(), site: MutationSite::of::<()>(facts), targets: (), types: PhantomData }
}

/// The targets of a function with a `cache = ..`. Without `self`, `this` is `()`.
pub fn in_cache<'a, S: ?Sized, O>(
    facts: &'static MutationFacts,
    _outcome: O,
    cache: &'a Cache,
    this: &'a S,
) -> Mutation<'a, OtherCache, S, O, ()> {
    Mutation { cache, this, site: MutationSite::of::<S>(facts), targets: (), types: PhantomData }
}

impl<'a, S: ?Sized, O: Outcome, T> Mutation<'a, OfMethod, S, O, T> {
    /// A query, or a key of one.
    pub fn target<N: Names<S, Place: KnownToMethods>>(self, names: N) -> Mutation<'a, OfMethod, S, O, (T, Target)> {
        let target = Target::of_method(names, self.this);
        self.with(target)
    }

    /// A key made from the returned value.
    pub fn from_result<N, K, F>(self, query: N, key: F) -> Mutation<'a, OfMethod, S, O, (T, FromResult<F>)>
    where
        N: Names<S, Place: KnownToMethods>,
        K: Names<()>,
        F: FnOnce(&O::Value) -> K,
    {
        let target = Target::of_method(query, self.this);
        self.with(FromResult::new(target, key))
    }
}

impl<'a, O: Outcome, T> Mutation<'a, OfFunction, (), O, T> {
    /// A query, or a key of one.
    pub fn target<N>(self, names: N) -> Mutation<'a, OfFunction, (), O, (T, Target)>
    where
        N: Names<(), Place: KnownToFunctions>,
    {
        self.with(names.kind(&()).into())
    }

    /// A key made from the returned value.
    pub fn from_result<N, K, F>(self, query: N, key: F) -> Mutation<'a, OfFunction, (), O, (T, FromResult<F>)>
    where
        N: Names<(), Place: KnownToFunctions>,
        K: Names<()>,
        F: FnOnce(&O::Value) -> K,
    {
        self.with(FromResult::new(query.kind(&()).into(), key))
    }
}

impl<'a, S: ?Sized, O: Outcome, T> Mutation<'a, OtherCache, S, O, T> {
    /// A query, or a key of one.
    pub fn target<N: Names<S>>(self, names: N) -> Mutation<'a, OtherCache, S, O, (T, Target)> {
        let target = names.kind(self.this).into();
        self.with(target)
    }

    /// A key made from the returned value.
    pub fn from_result<N, K, F>(self, query: N, key: F) -> Mutation<'a, OtherCache, S, O, (T, FromResult<F>)>
    where
        N: Names<S>,
        K: Names<()>,
        F: FnOnce(&O::Value) -> K,
    {
        let target = query.kind(self.this).into();
        self.with(FromResult::new(target, key))
    }
}

impl<'a, C, S: ?Sized, O, T> Mutation<'a, C, S, O, T> {
    /// Every entry with a tag.
    pub fn tag(self, tag: impl Into<Tag>) -> Mutation<'a, C, S, O, (T, Target)> {
        self.with(TargetKind::Tag(tag.into()).into())
    }

    /// Every entry with a literal tag.
    pub fn literal_tag(self, tag: &'static str) -> Mutation<'a, C, S, O, (T, Target)> {
        self.tag(Tag::from_static(tag))
    }

    /// Every entry with a tag that is formatted from the arguments.
    pub fn formatted_tag(self, text: fmt::Arguments<'_>) -> Mutation<'a, C, S, O, (T, Target)> {
        self.tag(Tag::format(text))
    }

    /// Every entry.
    pub fn all(self) -> Mutation<'a, C, S, O, (T, Target)> {
        self.with(TargetKind::All.into())
    }

    /// Any number of targets.
    pub fn targets(self, list: TargetList<'_, C, S>) -> Mutation<'a, C, S, O, (T, Vec<Target>)> {
        self.with(list.into_targets())
    }

    /// Targets made from the returned value. `without_value` stands for all that there may be.
    pub fn from_value<F>(self, without_value: TargetList<'_, C, S>, make: F) -> Mutation<'a, C, S, O, (T, FromValue<F>)>
    where
        C: Caches,
        O: Outcome,
        F: FnOnce(&O::Value, ValueTargets) -> ValueTargets,
    {
        self.with(FromValue::new(without_value.into_targets(), C::IS_OF_METHOD, None, make))
    }

    /// Like [`from_value`](Self::from_value), where entries may be put.
    pub fn put_from_value<F>(
        self,
        without_value: TargetList<'_, C, S>,
        make: F,
    ) -> Mutation<'a, C, S, O, (T, FromValue<F>)>
    where
        C: Caches,
        O: Outcome,
        F: FnOnce(&O::Value, ValueTargets) -> ValueTargets,
    {
        let point = ReadPoint::now(self.cache.engine().timeline());
        self.with(FromValue::new(without_value.into_targets(), C::IS_OF_METHOD, Some(point), make))
    }

    /// An entry that is put, with what `value` makes of the returned value.
    pub fn put<V, F>(self, entry: QueryEntry<'_, V>, value: F) -> Mutation<'a, C, S, O, (T, PutTarget<V, F>)>
    where
        O: Outcome,
        F: FnOnce(&O::Value) -> V,
    {
        self.with(PutTarget::new(entry, value))
    }

    fn with<N>(self, target: N) -> Mutation<'a, C, S, O, (T, N)> {
        let Self { cache, this, site, targets, types } = self;
        Mutation { cache, this, site, targets: (targets, target), types }
    }

    /// Invalidates however the body ends, also by a panic or a drop of its future.
    pub fn when_ended(self) -> PendingInvalidation<O, T> {
        PendingInvalidation {
            cache: self.cache.clone(),
            site: self.site,
            targets: self.targets,
            only_on_ok: false,
            outcome: PhantomData,
        }
    }

    /// Invalidates if the body returns `Ok`, or a type other than `Result`.
    pub fn when_ok(self) -> PendingInvalidation<O, T> {
        PendingInvalidation { only_on_ok: true, ..self.when_ended() }
    }
}

impl<C, S: ?Sized, O, T: fmt::Debug> fmt::Debug for Mutation<'_, C, S, O, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutation").field("targets", &self.targets).finish_non_exhaustive()
    }
}

/// The invalidation that follows a body.
#[derive(Debug)]
#[must_use = "it invalidates nothing before its body has run"]
pub struct PendingInvalidation<O, T> {
    cache: Cache,
    site: MutationSite,
    targets: T,
    only_on_ok: bool,
    outcome: PhantomData<fn() -> O>,
}

impl<O: Outcome, T: Targets<O::Value>> PendingInvalidation<O, T> {
    /// Runs the body, and invalidates.
    pub fn run(self, body: impl FnOnce() -> O::Returned) -> O::Returned {
        Invalidation::new(self).run(body)
    }

    /// Like [`run`](Self::run), if other processes can be told before. `refuse` makes the result if they cannot.
    #[cfg(feature = "shared")]
    pub fn run_announced(
        self,
        refuse: impl FnOnce(crate::PublishError) -> O::Returned,
        body: impl FnOnce() -> O::Returned,
    ) -> O::Returned {
        let mut invalidation = Invalidation::new(self);
        if let Some(announced) = invalidation.announce() {
            match futures_lite::future::block_on(announced) {
                Ok(announced) => invalidation.announced = announced,
                Err(error) => return invalidation.refuse(refuse(error)),
            }
        }
        invalidation.run(body)
    }

    /// Like [`run_announced`](Self::run_announced), with a future.
    #[cfg(feature = "shared")]
    pub async fn run_announced_async<F: Future<Output = O::Returned>>(
        self,
        holder: impl Holder<O::Returned>,
        refuse: impl FnOnce(crate::PublishError) -> O::Returned,
        body: F,
    ) -> O::Returned {
        let mut invalidation = Box::new(Invalidation::new(self));
        if let Some(announced) = invalidation.announce() {
            match announced.await {
                Ok(announced) => invalidation.announced = announced,
                Err(error) => return invalidation.refuse(refuse(error)),
            }
        }
        RunningMutation { body, invalidation, waiting: Waiting::new(holder) }.await
    }

    /// Like [`run`](Self::run), with a future.
    pub fn run_async<F, H>(self, holder: H, body: F) -> RunningMutation<O, T, F, H>
    where
        F: Future<Output = O::Returned>,
        H: Holder<O::Returned>,
    {
        RunningMutation { body, invalidation: Box::new(Invalidation::new(self)), waiting: Waiting::new(holder) }
    }
}

pin_project! {
    /// The body of a mutation that is a future.
    #[must_use = "it does nothing until it is polled"]
    pub struct RunningMutation<O: Outcome, T: Targets<O::Value>, F, H> {
        // Dropped first: the values of the body may still write.
        #[pin]
        body: F,
        // Boxed: futures hold it while they wait, and there may be many targets.
        invalidation: Box<Invalidation<O, T>>,
        waiting: Waiting<H>,
    }
}

impl<O, T, F, H> Future for RunningMutation<O, T, F, H>
where
    O: Outcome,
    T: Targets<O::Value>,
    F: Future<Output = O::Returned>,
    H: Holder<O::Returned>,
{
    type Output = O::Returned;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O::Returned> {
        let this = self.project();
        if let Some(waited) = this.waiting.poll(cx) {
            return waited;
        }
        let result = ready!(this.body.poll(cx));
        let ticket = this.invalidation.conclude(&result);
        this.waiting.begin(ticket, result, cx)
    }
}

/// Invalidates when it is dropped, if not before.
struct Invalidation<O: Outcome, T: Targets<O::Value>> {
    cache: Cache,
    site: MutationSite,
    targets: T,
    is_due: bool,
    outcome: PhantomData<fn() -> O>,
    /// They end after everything is invalidated.
    writes: [Option<Write>; 2],
    /// If other processes wait for the outcome.
    announced: Option<Announced>,
}

impl<O: Outcome, T: Targets<O::Value>> Invalidation<O, T> {
    fn new(pending: PendingInvalidation<O, T>) -> Self {
        let PendingInvalidation { cache, site, targets, only_on_ok, .. } = pending;
        // Its targets may be in the global cache, too.
        let global = Cache::installed_global().filter(|global| !Arc::ptr_eq(global.engine(), cache.engine()));
        let writes = [cache.engine().begin_write(), global.and_then(|global| global.engine().begin_write())];
        Self { cache, site, targets, is_due: !only_on_ok, outcome: PhantomData, writes, announced: None }
    }

    fn run(mut self, body: impl FnOnce() -> O::Returned) -> O::Returned {
        let result = body();
        self.conclude(&result).wait();
        result
    }

    /// What it names, before the body runs. `None` without a tier.
    #[cfg(feature = "shared")]
    fn announce(&self) -> Option<crate::TierFuture<'static, Result<Option<Announced>, crate::PublishError>>> {
        let engine = self.cache.engine();
        let (by, mut own) = (Writer::Function(self.site), SmallVec::<[ScopedTarget<'_>; 4]>::new());
        self.targets.each(&mut |target| {
            let of = if target.is_global { Cache::global() } else { &self.cache };
            if Arc::ptr_eq(of.engine(), engine) {
                own.push(target.resolve(of, by));
            }
        });
        self.targets.each_entry(&mut |EntryToPut(entry)| {
            if Arc::ptr_eq(entry.cache().engine(), engine) {
                own.push(entry.target(by));
            }
        });
        let answer = engine.announce(&own)?;
        // The commit of a transaction is its own event: others wait for the end of the span.
        let is_in_transaction = self.cache.transaction_state().is_some();
        Some(Box::pin(async move { answer.await.map(|announced| Some(announced).filter(|_| !is_in_transaction)) }))
    }

    /// The body does not run.
    #[cfg(feature = "shared")]
    fn refuse(mut self, result: O::Returned) -> O::Returned {
        self.is_due = false;
        self.writes = [None, None];
        result
    }

    fn conclude(&mut self, result: &O::Returned) -> Ticket {
        self.is_due |= O::is_ok(result);
        if let Some(value) = O::value(result) {
            self.targets.resolve(value);
        }
        self.invalidate_if_due()
    }

    fn invalidate_if_due(&mut self) -> Ticket {
        let (mut ticket, ends) = (Ticket::default(), self.announced.take());
        if std::mem::take(&mut self.is_due) {
            let mut puts = PutValues::default();
            self.targets.take_puts(&mut puts);
            ticket = invalidate(&self.cache, self.site, &self.targets, puts.0, ends);
        } else {
            if ends.is_some() {
                let published = Published { ends, ..Published::default() };
                ticket = self.cache.engine().invalidate_with(&[], published, |_| ());
            }
            if self.writes[0].is_some() {
                // It has failed with `on = "ok"`, for the first time here. What it has written nevertheless is its fault.
                record_nothing(&self.cache, Writer::Function(self.site));
            }
        }
        self.writes = [None, None];
        ticket
    }
}

impl<O: Outcome, T: Targets<O::Value>> Drop for Invalidation<O, T> {
    fn drop(&mut self) {
        // Mostly it has been concluded.
        if self.is_due || self.announced.is_some() || self.writes[0].is_some() {
            self.invalidate_if_due().leave();
        }
    }
}

/// Invalidates all targets of a mutation: in each cache at one version. In a transaction they are held.
fn invalidate<V>(
    cache: &Cache,
    site: MutationSite,
    targets: &impl Targets<V>,
    mut puts: Vec<Box<dyn AnyPut>>,
    ends: Option<Announced>,
) -> Ticket {
    let by = Writer::Function(site);
    let (mut own, mut others) = (SmallVec::<[ScopedTarget<'_>; 4]>::new(), SmallVec::<[ScopedTarget<'_>; 1]>::new());
    targets.each(&mut |target| {
        let of = if target.is_global { Cache::global() } else { cache };
        let resolved = target.resolve(of, by);
        if let Some(report) = target.unheard(&resolved, of, site)
            && cfg!(debug_assertions)
        {
            eprintln!("{report}");
        }
        // The global cache may be that of the mutation.
        if Arc::ptr_eq(of.engine(), cache.engine()) { own.push(resolved) } else { others.push(resolved) }
    });
    let mut elsewhere = SmallVec::<[&dyn AnyKeyedEntry; 1]>::new();
    targets.each_entry(&mut |EntryToPut(entry)| {
        let of = entry.cache().engine();
        if Arc::ptr_eq(of, cache.engine()) {
            own.push(entry.target(by));
        } else if Arc::ptr_eq(of, Cache::global().engine()) {
            others.push(entry.target(by));
        } else {
            elsewhere.push(entry);
        }
    });
    // A query with a `cache = ..` of its own.
    let mut ticket = Ticket::default();
    for entry in elsewhere {
        ticket = ticket.and(entry.invalidate_alone(by));
    }
    if own.is_empty() {
        record_nothing(cache, by);
    }
    if let Some(transaction) = cache.transaction_state() {
        let held = |targets: &[ScopedTarget<'_>]| targets.iter().map(|target| HeldTarget::from(*target)).collect();
        ticket = ticket.and(transaction.hold(cache.engine(), held(&own)));
        if !others.is_empty() {
            ticket = ticket.and(transaction.hold(Cache::global().engine(), held(&others)));
        }
        return ticket;
    }
    // If a clock panics, the other cache is still invalidated.
    let result = catch(|| invalidate_and_put(cache.engine(), &own, &mut puts, ends));
    if !others.is_empty() {
        ticket = ticket.and(invalidate_and_put(Cache::global().engine(), &others, &mut puts, None));
    }
    ticket.and(result.unwrap_or_else(|panic| resume_unwind(panic)))
}

/// For the audit: in a transaction at its end.
fn record_nothing(cache: &Cache, by: Writer) {
    match cache.transaction_state() {
        Some(transaction) => transaction.hold_nothing(cache.engine(), cache.scope_ref(), by),
        None => cache.engine().record_nothing(cache.scope_ref(), by),
    }
}

/// At one version. Takes the puts of this cache.
fn invalidate_and_put(
    engine: &Engine,
    targets: &[ScopedTarget<'_>],
    puts: &mut Vec<Box<dyn AnyPut>>,
    ends: Option<Announced>,
) -> Ticket {
    let published = Published { ends, ..Published::default() };
    if puts.is_empty() {
        return engine.invalidate_with(targets, published, |_| ());
    }
    engine.resume_certain();
    let mut own: Vec<_> = puts.extract_if(.., |put| put.is_of(engine.timeline())).collect();
    let ticket =
        engine.invalidate_with(targets, published, |version| own.iter_mut().for_each(|put| put.judge(version)));
    for put in own {
        put.store(engine);
    }
    ticket
}
