//! Targets: what a mutation invalidates.

use std::fmt;
use std::marker::PhantomData;

use crate::cache::Cache;
use crate::engine::elsewhere;
use crate::engine::hash::hash_key;
use crate::engine::target::{ScopedTarget, TargetRef};
use crate::history::Writer;
use crate::private::caches::{OfFunction, OfMethod, OtherCache};
use crate::private::key::Parts;
use crate::query::mutation_facts::MutationSite;
use crate::query::{KeyHash, KeyRef, QueryRef, Site};
use crate::query_entry::keyed::AnyKeyedEntry;
use crate::query_entry::put::AnyPut;
use crate::tag::Tag;

/// One key of a query.
pub fn key_ref<W, P: Parts, I>(query: &QueryRef<W>, parts: &P, _instance: I) -> KeyRef<W> {
    let hash = hash_key(|hasher| parts.hash(hasher));
    KeyRef::new(query, KeyHash { hash, instance: typeid::of::<I>(), mark: 0 })
}

/// A key of a query whose `key(..)` mentions `self`, an `S`.
pub struct KeyOfSelf<S: ?Sized, F>(F, PhantomData<fn(&S)>);

impl<S: ?Sized, F> fmt::Debug for KeyOfSelf<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyOfSelf")
    }
}

/// A key that `key` makes from `self`.
pub fn key_of_self<S: ?Sized, W, F: FnOnce(&S) -> KeyRef<W>>(key: F) -> KeyOfSelf<S, F> {
    KeyOfSelf(key, PhantomData)
}

/// In the cache of `self`.
#[derive(Debug)]
pub enum InSelf {}

/// In the global cache.
#[derive(Debug)]
pub enum InGlobal {}

/// In the `cache = ..` of the query.
#[derive(Debug)]
pub enum Elsewhere {}

/// Where a query may be.
pub trait Place {
    /// Whether it is the global cache.
    const IS_GLOBAL: bool;
}

impl Place for InSelf {
    const IS_GLOBAL: bool = false;
}

impl Place for InGlobal {
    const IS_GLOBAL: bool = true;
}

impl Place for Elsewhere {
    const IS_GLOBAL: bool = false;
}

/// A place that a method knows: the cache of `self`, or the global one.
#[diagnostic::on_unimplemented(
    message = "this query is in another cache than that of `self`",
    label = "this query has a `cache = ..`",
    note = "repeat the `cache = ..` of the query in this `#[invalidates]`: targets in several caches take an attribute for each"
)]
pub trait KnownToMethods: Place {}

impl KnownToMethods for InSelf {}
impl KnownToMethods for InGlobal {}

/// A place that a function without `self` knows: the global cache.
#[diagnostic::on_unimplemented(
    message = "without `self` the cache of this query is not known",
    label = "this query is not in the global cache",
    note = "name the cache, as in `#[invalidates(.., cache = repository.cache())]`"
)]
pub trait KnownToFunctions {}

impl KnownToFunctions for InGlobal {}

/// Names entries, for a function whose `self` is an `S`.
#[diagnostic::on_unimplemented(
    message = "the key of this query depends on its `self`, which is not known here",
    label = "its `key(..)` mentions `self`",
    note = "name the key in a method of the same type, name the whole query, or give its entries a tag and invalidate that"
)]
pub trait Names<S: ?Sized> {
    /// Where the entries are.
    type Place;
    /// The named entries.
    fn kind(self, this: &S) -> TargetKind;
}

/// The entries that a target names.
#[derive(Clone, Debug)]
pub enum TargetKind {
    /// Every entry of a query.
    Query(Site),
    /// The entry of one key.
    #[expect(private_interfaces, reason = "expansions only pass it on")]
    Key(Site, KeyHash),
    /// Every entry that has a tag.
    Tag(Tag),
    /// Every entry.
    All,
}

impl<S: ?Sized, W> Names<S> for &QueryRef<W> {
    type Place = W;

    fn kind(self, _: &S) -> TargetKind {
        TargetKind::Query(self.site)
    }
}

impl<S: ?Sized, W> Names<S> for KeyRef<W> {
    type Place = W;

    fn kind(self, _: &S) -> TargetKind {
        TargetKind::Key(self.site, self.key)
    }
}

impl<S: ?Sized, W, F: FnOnce(&S) -> KeyRef<W>> Names<S> for KeyOfSelf<S, F> {
    type Place = W;

    fn kind(self, this: &S) -> TargetKind {
        self.0(this).kind(this)
    }
}

/// A target known before the body runs.
#[derive(Clone, Debug)]
pub struct Target {
    pub(crate) kind: TargetKind,
    /// In the global cache instead of that of the mutation.
    pub(crate) is_global: bool,
}

impl Target {
    pub(crate) fn of_method<S: ?Sized, N: Names<S, Place: KnownToMethods>>(names: N, this: &S) -> Self {
        Self { kind: names.kind(this), is_global: N::Place::IS_GLOBAL }
    }
}

impl From<TargetKind> for Target {
    fn from(kind: TargetKind) -> Self {
        Self { kind, is_global: false }
    }
}

impl Target {
    /// What to tell if its query is in another cache, and not in this one. That it is in this one is recorded.
    /// `resolved`: the same.
    #[inline]
    pub(crate) fn unheard(&self, resolved: &ScopedTarget<'_>, cache: &Cache, mutation: MutationSite) -> Option<String> {
        let (TargetRef::Query(query) | TargetRef::Key(query, _)) = resolved.target else { return None };
        let (TargetKind::Query(site) | TargetKind::Key(site, _)) = self.kind else { return None };
        if query.stores.is_empty() {
            return elsewhere::report(site, mutation, cache.engine().timeline());
        }
        elsewhere::record_reach(site, mutation, query);
        None
    }

    pub(crate) fn resolve<'a>(&'a self, cache: &'a Cache, by: Writer) -> ScopedTarget<'a> {
        let engine = cache.engine();
        let target = match &self.kind {
            TargetKind::Query(site) => TargetRef::Query(engine.query(*site)),
            TargetKind::Key(site, key) => TargetRef::Key(engine.query(*site), *key),
            TargetKind::Tag(tag) => TargetRef::Tag(tag.as_str()),
            TargetKind::All => TargetRef::Everything,
        };
        ScopedTarget { scope: cache.scope_ref(), target, by }
    }
}

/// Stands for a skipped argument, written `_` in a target.
#[derive(Clone, Copy, Debug)]
pub struct UnderscoreForSkippedArgument;

/// Targets of one attribute, any number of them. `C` and `S` are those of the [`Mutation`](crate::private::Mutation).
#[derive(Debug)]
pub struct TargetList<'a, C, S: ?Sized> {
    this: &'a S,
    targets: Vec<Target>,
    caches: PhantomData<fn() -> C>,
}

/// A list of a method.
pub fn list_of_method<S: ?Sized>(this: &S) -> TargetList<'_, OfMethod, S> {
    TargetList::new(this)
}

/// A list of a function without `self`.
pub fn list_of_function() -> TargetList<'static, OfFunction, ()> {
    TargetList::new(&())
}

/// A list of a function with a `cache = ..`. Without `self`, `this` is `()`.
pub fn list_in_cache<S: ?Sized>(this: &S) -> TargetList<'_, OtherCache, S> {
    TargetList::new(this)
}

impl<'a, C, S: ?Sized> TargetList<'a, C, S> {
    fn new(this: &'a S) -> Self {
        Self { this, targets: Vec::new(), caches: PhantomData }
    }

    /// Every entry with a tag.
    pub fn tag(&mut self, tag: impl Into<Tag>) {
        self.targets.push(TargetKind::Tag(tag.into()).into());
    }

    /// Every entry with a literal tag.
    pub fn literal_tag(&mut self, tag: &'static str) {
        self.tag(Tag::from_static(tag));
    }

    /// Every entry with a formatted tag.
    pub fn formatted_tag(&mut self, text: fmt::Arguments<'_>) {
        self.tag(Tag::format(text));
    }

    /// Every entry.
    pub fn all(&mut self) {
        self.targets.push(TargetKind::All.into());
    }

    pub(crate) fn into_targets(self) -> Vec<Target> {
        self.targets
    }
}

impl<S: ?Sized> TargetList<'_, OfMethod, S> {
    /// A query, or a key of one.
    pub fn target<N: Names<S, Place: KnownToMethods>>(&mut self, names: N) {
        self.targets.push(Target::of_method(names, self.this));
    }
}

impl TargetList<'_, OfFunction, ()> {
    /// A query, or a key of one.
    pub fn target<N: Names<(), Place: KnownToFunctions>>(&mut self, names: N) {
        self.targets.push(names.kind(&()).into());
    }
}

impl<S: ?Sized> TargetList<'_, OtherCache, S> {
    /// A query, or a key of one.
    pub fn target<N: Names<S>>(&mut self, names: N) {
        self.targets.push(names.kind(self.this).into());
    }
}

/// An entry that is put, or invalidated if there is no value.
pub struct EntryToPut<'a>(pub(crate) &'a dyn AnyKeyedEntry);

/// Values to put.
#[derive(Default)]
pub struct PutValues(pub(crate) Vec<Box<dyn AnyPut>>);

/// The targets of a mutation that makes a `V`, as a list: `(((), target), target)`.
pub trait Targets<V> {
    /// Resolves the targets that depend on the value.
    fn resolve(&mut self, value: &V);
    /// Visits each target.
    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Target));
    /// Visits each entry that is to be put.
    fn each_entry<'a>(&'a self, _visit: &mut dyn FnMut(EntryToPut<'a>)) {}
    /// Takes the values of these entries, as far as there are any.
    fn take_puts(&mut self, _taken: &mut PutValues) {}
}

impl<V> Targets<V> for () {
    fn resolve(&mut self, _: &V) {}
    fn each<'a>(&'a self, _: &mut dyn FnMut(&'a Target)) {}
}

impl<V, Rest: Targets<V>, T: Targets<V>> Targets<V> for (Rest, T) {
    fn resolve(&mut self, value: &V) {
        self.0.resolve(value);
        self.1.resolve(value);
    }

    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Target)) {
        self.0.each(visit);
        self.1.each(visit);
    }

    fn each_entry<'a>(&'a self, visit: &mut dyn FnMut(EntryToPut<'a>)) {
        self.0.each_entry(visit);
        self.1.each_entry(visit);
    }

    fn take_puts(&mut self, taken: &mut PutValues) {
        self.0.take_puts(taken);
        self.1.take_puts(taken);
    }
}

impl<V> Targets<V> for Target {
    fn resolve(&mut self, _: &V) {}

    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Target)) {
        visit(self);
    }
}

impl<V> Targets<V> for Vec<Target> {
    fn resolve(&mut self, _: &V) {}

    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Target)) {
        self.iter().for_each(visit);
    }
}
