//! Queries: the static facts of an annotated function, and its state in one cache.

pub(crate) mod owner;
pub(crate) mod state;

use std::any::TypeId;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use once_cell::sync::Lazy;

use crate::entry::options::EntryOptions;
use crate::query::owner::Owner;

/// What is known of an annotated function when it is compiled.
#[derive(Debug)]
pub struct Query {
    pub(crate) name: &'static str,
    pub(crate) place: SourcePlace,
    /// The names of what is its key.
    pub(crate) arguments: &'static [&'static str],
    /// The most entries there may be of it, if it says so.
    pub(crate) capacity: Option<usize>,
    /// How long its entries may be served, if it says so in its attribute.
    ttl: Option<Duration>,
    own_ttl: bool,
    /// The tags that all of its entries have.
    pub(crate) tags: &'static [&'static str],
    /// Its number among the queries of this process, from 1; 0 until it is first used.
    number: AtomicU32,
}

/// Where a function stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct SourcePlace {
    pub(crate) module: &'static str,
    file: &'static str,
    line: u32,
    column: u32,
}

impl Query {
    /// The facts of one function, at the place of the call. `arguments` names what is its key, in the order of its parts.
    #[track_caller]
    pub const fn new(name: &'static str, module: &'static str, arguments: &'static [&'static str]) -> Self {
        let place = Location::caller();
        let place = SourcePlace { module, file: place.file(), line: place.line(), column: place.column() };
        let (capacity, ttl, own_ttl, tags) = (None, None, false, &[] as _);
        Self { name, place, arguments, capacity, ttl, own_ttl, tags, number: AtomicU32::new(0) }
    }

    /// The same, with at most so many entries.
    #[must_use]
    pub const fn capacity(mut self, entries: usize) -> Self {
        self.capacity = Some(entries);
        self
    }

    /// The same, with entries that are served for so long.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// The same, with entries that expire by their own time to live alone, or not.
    #[must_use]
    pub const fn own_ttl(mut self, own_ttl: bool) -> Self {
        self.own_ttl = own_ttl;
        self
    }

    /// The same, with these tags on all entries.
    #[must_use]
    pub const fn tags(mut self, tags: &'static [&'static str]) -> Self {
        self.tags = tags;
        self
    }

    /// The options that all of its entries have, but for their tags: see [`QueryState::tags`].
    pub(crate) fn options(&self) -> EntryOptions {
        EntryOptions { ttl: self.ttl, own_ttl: self.own_ttl, ..EntryOptions::default() }
    }

    /// Its number, or 0 if it has not been used yet.
    #[inline]
    pub(crate) fn number_so_far(&self) -> u32 {
        self.number.load(Ordering::Relaxed)
    }

    pub(crate) fn number(&self) -> u32 {
        match self.number_so_far() {
            0 => self.take_number(),
            number => number,
        }
    }

    /// A function without `self` may or may not be in an `impl`, and its attribute cannot know how to name what
    /// stands beside it. So it states its facts more than once, and they have the same number by being equal.
    #[cold]
    fn take_number(&self) -> u32 {
        static NUMBERS: Lazy<parking_lot::Mutex<HashMap<(SourcePlace, &'static str), u32>>> =
            Lazy::new(Default::default);
        let mut numbers = NUMBERS.lock();
        let next = u32::try_from(numbers.len() + 1).expect("there are fewer functions than that");
        let number = *numbers.entry((self.place, self.name)).or_insert(next);
        self.number.store(number, Ordering::Relaxed);
        number
    }
}

/// Names a query of one type.
///
/// A static in a generic `impl` is one for all its instantiations, so the type belongs to the identity.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    pub(crate) query: &'static Query,
    pub(crate) owner: fn() -> Owner,
}

/// What `#[invalidates]` refers to: a query, and where (`W`) its entries are.
#[derive(Debug)]
pub struct QueryRef<W> {
    pub(crate) site: Site,
    place: PhantomData<W>,
}

impl<W> QueryRef<W> {
    /// A query of a type.
    pub const fn of<T: ?Sized>(query: &'static Query) -> Self {
        Self { site: Site { query, owner: Owner::of::<T> }, place: PhantomData }
    }

    /// A query that may be of a type or not: of what is around the function or constant that the closure is in.
    pub const fn around<F>(_closure: &F, query: &'static Query) -> Self {
        Self { site: Site { query, owner: Owner::around::<F> }, place: PhantomData }
    }
}

/// One key of a query.
///
/// It is no more than the key's hash: 64 bits with a random seed. Whatever else has the same is forgotten, too, and
/// nothing has to be kept of arguments that the body is going to take.
#[derive(Debug)]
pub struct KeyRef<W> {
    pub(crate) site: Site,
    pub(crate) key: KeyHash,
    place: PhantomData<W>,
}

/// The hash of a key, in all instantiations of a query's function that are alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyHash {
    /// As it is in no scope.
    pub(crate) hash: u64,
    /// Stands for the function's own generic arguments.
    pub(crate) instance: TypeId,
}

impl<W> KeyRef<W> {
    pub(crate) fn new(query: &QueryRef<W>, key: KeyHash) -> Self {
        Self { site: query.site, key, place: PhantomData }
    }
}
