//! What the expansions of the attributes call, and nobody else: none of it is covered by semantic
//! versioning.
//!
//! A cached function becomes one [`lookup`], and on a miss one [`Begun::load`] around its own body, or one
//! [`lookup_async`] and one [`Missed::load_async`]. They are two calls so that the arguments are borrowed for the
//! key only until the body takes them.

pub(crate) mod key;
pub(crate) mod mutation;

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use crate::cache::Cache;
use crate::engine::catalog::Marker;
use crate::engine::hash::hash_key;
use crate::engine::invalidation::{ScopedTarget, Target as EngineTarget};
use crate::entry::options::EntryOptions;
pub use crate::flight::promise::SharedError;
use crate::load::attempt::{Attempt, Miss};
use crate::load::call::Call;
pub use crate::load::miss::{Begun, Missed};
pub use crate::load::outcome::{Fallible, Outcome, Plain, Returned, SharedFallible, plain};
pub use crate::private::key::{Argument, Borrowing, Each, KeyPart, Part, Parts, Tuple, argument, each};
pub use crate::private::mutation::{Due, Targets, invalidating, invalidating_async, when_ended, when_ok};
use crate::query::KeyHash;
use crate::query::state::QueryState;
pub use crate::query::{Keyed, Located, Query, Site};
use crate::store::Wanted;
use crate::store::erased::{downcast, downcast_arc};
use crate::store::storage::AnyStore;
use crate::sync::Arc;
use crate::tag::Tag;
use crate::version::scope::scope_id;

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

/// What method lookup decides by: imported where it decides, and without names.
pub mod probing {
    pub use crate::load::outcome::{ReturnedFallible as _, ReturnedPlain as _};
    pub use crate::private::key::{
        NoPart as _, OpaquePart as _, OpaqueReferencePart as _, OptionPart as _, PlainPart as _, ReferencePart as _, UnstorablePart as _,
    };
}

/// The facts of a query that stands where this is: of a type, or with `_` of whatever is around.
#[doc(hidden)]
#[macro_export]
macro_rules! __cache_query {
    ($place:ty, _, $($facts:tt)*) => {
        $crate::private::Located::<$place>::around(&|| (), $crate::private::facts!($($facts)*))
    };
    ($place:ty, $owner:ty, $($facts:tt)*) => {
        $crate::private::Located::<$place>::of::<$owner>($crate::private::facts!($($facts)*))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __cache_facts {
    ($name:literal, [$($parts:tt)*] $(, $fact:ident = $value:expr)*) => {{
        static __CACHE_QUERY: $crate::private::Query =
            $crate::private::Query::new($name, ::core::module_path!(), &[$($parts)*])$(.$fact($value))*;
        &__CACHE_QUERY
    }};
}

pub use crate::__cache_facts as facts;
pub use crate::__cache_query as query;

/// Asks the cache for the answer to a call, and waits if another is loading it. An error is a load to be done.
///
/// `function` and `instance` tell the instantiations of the function apart: see [`function`] and [`instance`].
/// `options` is called on a miss, and before the body.
///
/// Nothing of this depends on the function itself, so that it is compiled once for all functions whose arguments and
/// values have the same types. In a crate of many cached functions that is most of what there is to compile.
#[inline(never)]
pub fn lookup<O, P, W>(
    query: &Located<W>,
    cache: &Cache,
    parts: &P,
    _outcome: O,
    function: TypeId,
    instance: fn() -> TypeId,
    options: Particulars<'_>,
) -> Result<O::Returned, Begun<P::Owned, O::Value, O>>
where
    O: Outcome<Value: CacheValue>,
    P: Parts,
{
    match find::<O, P>(query.site, cache, parts, function, instance) {
        Ok(returned) => Ok(returned),
        Err(missing) => missing.begin(cache, parts, options),
    }
}

/// The same for an `async fn`. An error is a miss.
#[inline(never)]
pub fn lookup_async<O, P, W>(
    query: &Located<W>,
    cache: &Cache,
    parts: &P,
    _outcome: O,
    function: TypeId,
    instance: fn() -> TypeId,
    options: Particulars<'_>,
) -> Result<O::Returned, Missed<P::Owned, O::Value, O>>
where
    O: Outcome<Value: CacheValue>,
    P: Parts,
{
    match find::<O, P>(query.site, cache, parts, function, instance) {
        Ok(returned) => Ok(returned),
        Err(missing) => missing.miss(cache, parts, options),
    }
}

/// Identifies an instantiation of a function by the type of a closure in it, which differs in all generic arguments of
/// the function and of its `impl`.
#[inline]
pub fn function<M>(_closure: M) -> TypeId {
    typeid::of::<M>()
}

/// Identifies the function's own generic arguments, for which a type stands.
#[inline]
pub fn instance<I>(_arguments: I) -> fn() -> TypeId {
    typeid::of::<I>
}

/// The store of one instantiation of a query's function.
#[inline]
fn store_of<P: Parts, V: CacheValue>(
    site: Site,
    cache: &Cache,
    function: TypeId,
    instance: fn() -> TypeId,
) -> &Arc<dyn AnyStore> {
    cache.engine().find_store(site.query, function).unwrap_or_else(|| {
        let marker = Marker { function, instance: instance() };
        first_store::<P, V>(cache, site, marker)
    })
}

#[cold]
#[inline(never)]
fn first_store<P: Parts, V: CacheValue>(cache: &Cache, site: Site, marker: Marker) -> &Arc<dyn AnyStore> {
    cache.engine().store::<P::Owned, V>(site, marker, describe::<P>)
}

/// Says what is particular to an entry, if there is more than the facts of its query. It is asked once.
pub type Particulars<'a> = &'a mut dyn FnMut(&mut EntryOptions);

/// A miss, and the store that has no answer.
struct Missing<'c> {
    query: &'static Query,
    store: &'c Arc<dyn AnyStore>,
    hash: u64,
    miss: Miss,
}

#[inline]
fn find<'c, O, P>(
    site: Site,
    cache: &'c Cache,
    parts: &P,
    function: TypeId,
    instance: fn() -> TypeId,
) -> Result<O::Returned, Missing<'c>>
where
    O: Outcome<Value: CacheValue>,
    P: Parts,
{
    let engine = cache.engine();
    let store = store_of::<P, O::Value>(site, cache, function, instance);
    let typed = downcast::<P::Owned, O::Value>(store);
    let scope = scope_id(cache.scope_ref());
    let hash = engine.hash(scope, |hasher| parts.hash(hasher));
    let wanted = Wanted { hash, scope, is_key: |stored: &P::Owned| parts.are(stored) };
    let call = Call { engine, store: typed, scope: cache.scope_ref() };
    call.look_up(&wanted).map(O::hit).map_err(|miss| Missing { query: site.query, store, hash, miss })
}

/// What is called once, in the form of what may be called often.
pub fn once(options: impl FnOnce(&mut EntryOptions)) -> impl FnMut(&mut EntryOptions) {
    let mut options = Some(options);
    move |entry| {
        if let Some(options) = options.take() {
            options(entry);
        }
    }
}

/// Nothing is particular to an entry.
pub const fn nothing(_: &mut EntryOptions) {}

impl Missing<'_> {
    #[cold]
    #[inline(never)]
    fn begin<O, P>(
        self,
        cache: &Cache,
        parts: &P,
        options: Particulars<'_>,
    ) -> Result<O::Returned, Begun<P::Owned, O::Value, O>>
    where
        O: Outcome<Value: CacheValue>,
        P: Parts,
    {
        match self.attempt(cache, parts, options).step() {
            Ok(value) => Ok(O::hit(value)),
            Err(step) => Begun::when_due(step),
        }
    }

    #[cold]
    #[inline(never)]
    fn miss<O, P>(
        self,
        cache: &Cache,
        parts: &P,
        options: Particulars<'_>,
    ) -> Result<O::Returned, Missed<P::Owned, O::Value, O>>
    where
        O: Outcome<Value: CacheValue>,
        P: Parts,
    {
        self.attempt(cache, parts, options).step().map(O::hit).map_err(Missed::new)
    }

    fn attempt<P: Parts, V: CacheValue>(
        self,
        cache: &Cache,
        parts: &P,
        options: Particulars<'_>,
    ) -> Attempt<P::Owned, V> {
        let Self { query, store, hash, miss } = self;
        let mut entry = query.options();
        options(&mut entry);
        let key = parts.to_owned();
        let (engine, store, scope) = (cache.engine().clone(), downcast_arc(store), cache.scope_ref());
        let candidate = engine.candidate(scope, &store, hash, entry).with_key(key);
        Attempt::new(engine, store, scope, candidate, miss)
    }
}

/// Says how long an entry may be served.
pub fn set_ttl(entry: &mut EntryOptions, ttl: Duration) {
    entry.ttl = Some(ttl);
}

/// Gives an entry a tag.
pub fn add_tag(entry: &mut EntryOptions, tag: impl Into<Tag>) {
    push_tag(entry, tag.into());
}

/// Gives an entry a tag with something of the arguments in it.
pub fn add_formatted_tag(entry: &mut EntryOptions, text: fmt::Arguments<'_>) {
    push_tag(entry, Tag::format(text));
}

// Not generic, and not inlined: what it does is compiled here, and not in each crate with a query.
#[inline(never)]
fn push_tag(entry: &mut EntryOptions, tag: Tag) {
    entry.tags.push(tag);
}

fn describe<P: Parts>(key: &P::Owned, query: &QueryState, out: &mut dyn fmt::Write) -> fmt::Result {
    P::show(key, query.arguments, out)
}

/// Asks `cache_if` about a value.
pub fn is_kept<'v, V>(value: &'v V, cache_if: impl FnOnce(&'v V) -> bool) -> bool {
    cache_if(value)
}

/// Asks `tags_from` about a value.
pub fn tags_of<'v, V, T>(value: &'v V, tags_from: impl FnOnce(&'v V) -> T) -> Vec<Tag>
where
    T: IntoIterator<Item: Into<Tag>>,
{
    tags_from(value).into_iter().map(Into::into).collect()
}

/// A tag with something of the arguments in it.
pub fn tag(text: fmt::Arguments<'_>) -> Tag {
    Tag::format(text)
}

/// A tag that is a mere text.
#[inline]
pub fn text_tag(text: &'static str) -> Tag {
    Tag::from_static(text)
}

/// The value behind a receiver. Deref coercion finds it, whatever pointers the type of the receiver is made of.
#[inline]
pub const fn receiver<S: ?Sized>(this: &S) -> &S {
    this
}

/// Stands for the type of an argument that has no name.
pub fn type_of<T>(_: &T) -> PhantomData<T> {
    PhantomData
}

/// One key of a query.
pub fn keyed<W, P: Parts, I>(query: &Located<W>, parts: &P, _instance: I) -> Keyed<W> {
    let hash = hash_key(|hasher| parts.hash(hasher));
    Keyed::new(query, KeyHash { hash, instance: typeid::of::<I>() })
}

/// One key of a query that has something of its `self`, an `S`, in it: made when it is known of which.
pub struct KeyedBy<S: ?Sized, F>(F, PhantomData<fn(&S)>);

impl<S: ?Sized, F> fmt::Debug for KeyedBy<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedBy")
    }
}

/// A key that `key` makes of a `self`.
pub fn keyed_by<S: ?Sized, W, F: FnOnce(&S) -> Keyed<W>>(key: F) -> KeyedBy<S, F> {
    KeyedBy(key, PhantomData)
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
    /// Whether it is the global cache.
    const IS_GLOBAL: bool;
}

impl KnownToMethods for InSelf {
    const IS_GLOBAL: bool = false;
}

impl KnownToMethods for InGlobal {
    const IS_GLOBAL: bool = true;
}

/// A place that a function without `self` knows of without being told: the global cache.
#[diagnostic::on_unimplemented(
    message = "where there is no `self`, it is not known which cache this query is in",
    label = "cached in another place than the global cache",
    note = "say where, as in `#[invalidates(.., cache = repository.cache())]`"
)]
pub trait KnownToFunctions {}

impl KnownToFunctions for InGlobal {}

/// What names entries, to a function whose `self` is an `S`.
#[diagnostic::on_unimplemented(
    message = "the key of this query is made of its `self`, which is not known here",
    label = "made of `self`",
    note = "name it in a method of the same type, forget the whole query by its name, or give its entries a tag and forget that"
)]
pub trait Names<S: ?Sized> {
    /// Where the entries are.
    type Place;
    /// What it names.
    fn named(self, this: &S) -> Named;
}

/// Entries that are named before the body of a mutation runs.
#[derive(Clone, Debug)]
pub enum Named {
    /// Every entry of a query.
    Query(Site),
    /// The entry of one key.
    #[expect(private_interfaces, reason = "expansions only hand it on")]
    Key(Site, KeyHash),
    /// Every entry that has a tag.
    Tag(Tag),
    /// Every entry.
    All,
}

impl<S: ?Sized, W> Names<S> for &Located<W> {
    type Place = W;

    fn named(self, _: &S) -> Named {
        Named::Query(self.site)
    }
}

impl<S: ?Sized, W> Names<S> for Keyed<W> {
    type Place = W;

    fn named(self, _: &S) -> Named {
        Named::Key(self.site, self.key)
    }
}

impl<S: ?Sized, W, F: FnOnce(&S) -> Keyed<W>> Names<S> for KeyedBy<S, F> {
    type Place = W;

    fn named(self, this: &S) -> Named {
        self.0(this).named(this)
    }
}

/// A target of a method: `this` is its `self`.
pub fn of_method<S: ?Sized, N: Names<S, Place: KnownToMethods>>(names: N, this: &S) -> Target {
    Target { named: names.named(this), is_global: N::Place::IS_GLOBAL }
}

/// A target of a function without `self`.
pub fn of_function<N: Names<(), Place: KnownToFunctions>>(names: N) -> Target {
    names.named(&()).into()
}

/// A target of a method that says in which cache it is.
pub fn of_method_in_cache<S: ?Sized, N: Names<S>>(names: N, this: &S) -> Target {
    names.named(this).into()
}

/// A target of a function without `self` that says in which cache it is.
pub fn of_function_in_cache<N: Names<()>>(names: N) -> Target {
    names.named(&()).into()
}

/// What a mutation makes wrong, known before its body runs.
#[derive(Clone, Debug)]
pub struct Target {
    named: Named,
    /// Whether it is in the global cache, and not in that of the mutation.
    pub(crate) is_global: bool,
}

impl Target {
    /// Every entry in the cache of the mutation.
    pub const ALL: Self = Self { named: Named::All, is_global: false };

    /// Every entry with a tag, in the cache of the mutation.
    pub fn tag(tag: impl Into<Tag>) -> Self {
        Named::Tag(tag.into()).into()
    }
}

impl From<Named> for Target {
    fn from(named: Named) -> Self {
        Self { named, is_global: false }
    }
}

/// Makes a target of what a mutation returns: what `key` says of the value in it, and without a value all of
/// the query. `known` is a target that says of the query where it is.
pub fn from_result<O: Outcome, N: Names<()>, F>(_outcome: O, known: Target, key: F) -> FromResult<F>
where
    F: FnOnce(&O::Value) -> N,
{
    FromResult { target: known, key: Some(key) }
}

/// A target of which the key is known when the body is over.
pub struct FromResult<F> {
    target: Target,
    key: Option<F>,
}

impl<F> fmt::Debug for FromResult<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromResult").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Target {
    /// Resolves it in the cache that it is in.
    pub(crate) fn resolve<'a>(&'a self, cache: &'a Cache) -> ScopedTarget<'a> {
        let engine = cache.engine();
        let target = match &self.named {
            Named::Query(site) => EngineTarget::Query(engine.query(*site)),
            Named::Key(site, key) => EngineTarget::Key(engine.query(*site), *key),
            Named::Tag(tag) => EngineTarget::Tag(tag.as_str()),
            Named::All => EngineTarget::Everything,
        };
        (cache.scope_ref(), target)
    }
}

impl<V> Targets<V> for Target {
    fn resolve(&mut self, _: &V) {}

    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Target)) {
        visit(self);
    }
}

impl<V, N: Names<()>, F: FnOnce(&V) -> N> Targets<V> for FromResult<F> {
    fn resolve(&mut self, value: &V) {
        if let Some(key) = self.key.take() {
            self.target.named = key(value).named(&());
        }
    }

    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Target)) {
        visit(&self.target);
    }
}
