//! What the expansions of the attributes call, and nobody else: none of it is covered by semantic
//! versioning.
//!
//! A cached function becomes one [`lookup`], and on a miss one [`Missed::load`] around its own body. They
//! are two calls so that the arguments are borrowed for the key only until the body takes them.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use crate::cache::Cache;
use crate::engine::{downcast, downcast_arc, scope_id};
pub use crate::key::{Argument, KeyPart, NoPart, OpaquePart, Part, Parts};
use crate::load::{Attempt, Load};
use crate::query::QueryState;
pub use crate::query::{Located, Query, Site};
use crate::store::{Absent, Wanted};
use crate::tag::Tag;

/// A value that can be cached. Implemented for every type that can.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be cached",
    label = "the value of a cached query",
    note = "a cached value is cloned for each caller and shared between threads: it must be `Clone + Send + Sync + 'static`",
    note = "if it is not `Clone`, or cloning it is slow, return it in an `Arc`"
)]
pub trait CacheValue: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> CacheValue for T {}

/// What is cached of a return type `R`.
pub trait Outcome<R> {
    /// What is stored.
    type Value;
    /// The answer to a hit.
    fn hit(value: Self::Value) -> R;
    /// What there is to store of a body's result.
    fn value(result: &R) -> Option<&Self::Value>;
    /// Whether the body succeeded.
    fn is_ok(result: &R) -> bool;
}

/// All of it.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl<T> Outcome<T> for Plain {
    type Value = T;

    fn hit(value: T) -> T {
        value
    }

    fn value(result: &T) -> Option<&T> {
        // Method lookup does not see that a generic parameter stands for a `Result`. An error must not be
        // stored even so, and then neither is the value.
        let is_result = std::any::type_name::<T>().starts_with("core::result::Result<");
        (!is_result).then_some(result)
    }

    fn is_ok(_: &T) -> bool {
        true
    }
}

/// The `Ok` of a `Result`.
#[derive(Clone, Copy, Debug)]
pub struct Fallible;

impl<T, E> Outcome<Result<T, E>> for Fallible {
    type Value = T;

    fn hit(value: T) -> Result<T, E> {
        Ok(value)
    }

    fn value(result: &Result<T, E>) -> Option<&T> {
        result.as_ref().ok()
    }

    fn is_ok(result: &Result<T, E>) -> bool {
        result.is_ok()
    }
}

/// Tells a `Result` from other return types by its type, and so through aliases.
///
/// Method lookup decides: an inherent method that applies is preferred to one of a trait.
#[derive(Debug)]
pub struct Returned<R>(PhantomData<fn() -> R>);

impl<R> Returned<R> {
    /// A return type of which it isn't known yet what it is.
    #[expect(clippy::new_without_default, reason = "expansions only")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T, E> Returned<Result<T, E>> {
    /// A `Result`.
    pub const fn outcome(&self) -> Fallible {
        Fallible
    }
}

/// Any other type than a `Result`.
pub trait ReturnedPlain {
    /// All of it is cached.
    fn outcome(&self) -> Plain {
        Plain
    }
}

impl<R> ReturnedPlain for Returned<R> {}

/// What a cache had to say to a call.
#[derive(Debug)]
pub enum Answer<R, M> {
    /// Here it is.
    Hit(R),
    /// It has to be loaded.
    Miss(M),
}

/// A call that missed: all that is needed to load and to store.
///
/// What needs bounds on the types is in it as functions, made by [`lookup`]: a type that can't be cached is
/// then one error there, and none here.
pub struct Missed<K, V, O> {
    load: Load<K, V>,
    finish: fn(Load<K, V>, &V),
    fail: fn(Load<K, V>),
    outcome: PhantomData<fn() -> O>,
}

impl<K, V, O> fmt::Debug for Missed<K, V, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Missed")
    }
}

/// A time to live, of which the compiler is to say that it must be a `Duration` if it is none.
pub const fn ttl(ttl: Duration) -> Option<Duration> {
    Some(ttl)
}

/// Asks the cache for the answer to a call.
///
/// `marker` is a closure of the function itself: its type differs for each instantiation of the function,
/// in all generic arguments of it and of its `impl`.
pub fn lookup<R, O, P, M, W>(
    query: &Located<W>,
    cache: &Cache,
    ttl: impl FnOnce() -> Option<Duration>,
    parts: &P,
    _outcome: O,
    _marker: M,
) -> Answer<R, Missed<P::Owned, O::Value, O>>
where
    O: Outcome<R, Value: CacheValue>,
    P: Parts,
{
    let engine = cache.engine();
    let store = engine.store::<P::Owned, O::Value>(query.site, typeid::of::<M>(), describe::<P>);
    let typed = downcast::<P::Owned, O::Value>(store);
    let scope = scope_id(cache.scope_ref());
    let hash = engine.hash(scope, |hasher| parts.hash(hasher));
    let now = engine.time.now();
    let wanted = Wanted { hash, scope, is_key: |stored: &P::Owned| parts.are(stored) };
    let absent = match typed.look_up(engine, &wanted, now) {
        Ok(value) => return Answer::Hit(O::hit(value)),
        Err(absent) => absent,
    };
    let candidate = engine.candidate(cache.scope_ref(), &typed.query, (parts.to_owned(), hash), ttl(), []);
    let found_dead = absent == Absent::Dead;
    match Attempt::new(engine.clone(), downcast_arc(store), cache.scope_ref(), candidate, now, found_dead).run() {
        Ok(value) => Answer::Hit(O::hit(value)),
        Err(load) => Answer::Miss(Missed {
            load,
            finish: |load, value| load.finish(value, |_| [] as [Tag; 0]),
            fail: Load::fail,
            outcome: PhantomData,
        }),
    }
}

fn describe<P: Parts>(key: &P::Owned, query: &QueryState, out: &mut dyn fmt::Write) -> fmt::Result {
    P::show(key, query.arguments, out)
}

impl<K, V, O> Missed<K, V, O> {
    /// Runs the body, stores a copy of what it made, and returns it.
    pub fn load<R>(self, body: impl FnOnce() -> R) -> R
    where
        O: Outcome<R, Value = V>,
    {
        let result = self.load.run(body);
        match O::value(&result) {
            Some(value) => (self.finish)(self.load, value),
            None => (self.fail)(self.load),
        }
        result
    }
}

/// The entries of a query are in the cache of its `self`.
#[derive(Debug)]
pub enum InSelf {}

/// The entries of a query are in the global cache.
#[derive(Debug)]
pub enum InGlobal {}

/// The entries of a query are where its `cache = ..` says.
#[derive(Debug)]
pub enum Elsewhere {}

/// A place that a method knows of without being told: the cache of `self`, or the global one.
#[diagnostic::on_unimplemented(
    message = "this query is in another cache than that of `self`",
    label = "its `cache = ..` says where",
    note = "repeat the `cache = ..` of the query in this `#[invalidates]`, and give targets in other caches an attribute of their own"
)]
pub trait KnownToMethods {
    /// The target, in that place.
    fn target(site: Site) -> Target;
}

impl KnownToMethods for InSelf {
    fn target(site: Site) -> Target {
        Target::Query(site)
    }
}

impl KnownToMethods for InGlobal {
    fn target(site: Site) -> Target {
        Target::Global(site)
    }
}

/// A place that a function without `self` knows of without being told: the global cache.
#[diagnostic::on_unimplemented(
    message = "where there is no `self`, it is not known which cache this query is in",
    label = "cached in another place than the global cache",
    note = "say where, as in `#[invalidates(.., cache = repository.cache())]`"
)]
pub trait KnownToFunctions {}

impl KnownToFunctions for InGlobal {}

/// A target of a method.
pub fn of_method<W: KnownToMethods>(query: &Located<W>) -> Target {
    W::target(query.site)
}

/// A target of a function without `self`.
pub fn of_function<W: KnownToFunctions>(query: &Located<W>) -> Target {
    Target::Query(query.site)
}

/// A target of a function that says in which cache it is.
pub fn of_cache<W>(query: &Located<W>) -> Target {
    Target::Query(query.site)
}

/// What a mutation makes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// Every entry of a query in the cache of the mutation.
    Query(Site),
    /// Every entry of a query in the global cache.
    Global(Site),
    /// Every entry in the cache of the mutation.
    All,
}

/// Runs the body of a mutation and then invalidates, also if the body panics.
pub fn invalidating<R>(cache: Cache, targets: &[Target], body: impl FnOnce() -> R) -> R {
    let _armed = Invalidation { cache, targets };
    body()
}

/// Runs the body of a mutation and then invalidates, unless it returns an `Err` or panics.
pub fn invalidating_on_ok<R, O: Outcome<R>>(
    cache: Cache,
    targets: &[Target],
    _outcome: O,
    body: impl FnOnce() -> R,
) -> R {
    let result = body();
    if O::is_ok(&result) {
        drop(Invalidation { cache, targets });
    }
    result
}

/// Invalidates when it is dropped, so that nothing that ends the body can pass it by.
struct Invalidation<'a> {
    cache: Cache,
    targets: &'a [Target],
}

impl Drop for Invalidation<'_> {
    fn drop(&mut self) {
        for target in self.targets {
            match *target {
                Target::Query(site) => self.cache.engine().invalidate_query(self.cache.scope_ref(), site),
                Target::Global(site) => Cache::global().engine().invalidate_query(None, site),
                Target::All => self.cache.invalidate_all(),
            }
        }
    }
}
