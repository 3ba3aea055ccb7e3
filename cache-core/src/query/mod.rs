//! Queries, and their state in each cache.

pub(crate) mod mutation_facts;
pub(crate) mod owner;
pub(crate) mod registered;
pub(crate) mod seen;
pub(crate) mod state;
pub(crate) mod windows;

use std::any::TypeId;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use once_cell::sync::Lazy;

use crate::entry::options::{EntryOptions, Tags};
use crate::query::owner::{Owner, owner_of_static};
use crate::query::windows::Freshness;

/// A jitter is in millionths.
pub(crate) const MILLION: u32 = 1_000_000;

/// The static facts of an annotated function.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts")]
pub struct Query {
    pub(crate) name: &'static str,
    /// The function's name.
    pub(crate) function: &'static str,
    pub(crate) place: SourcePlace,
    item: ItemPath,
    /// The names of the key's parts.
    pub(crate) arguments: &'static [&'static str],
    pub(crate) capacity: Option<usize>,
    ttl: Option<Duration>,
    own_ttl: bool,
    value_ttl: bool,
    /// In millionths of the time to live.
    pub(crate) jitter: u32,
    pub(crate) tags: &'static [&'static str],
    /// The texts of tags from arguments. Only the graph uses them.
    pub(crate) formatted_tags: &'static [&'static str],
    /// Whether there are tags from the value or from an expression.
    pub(crate) has_other_tags: bool,
    pub(crate) freshness: Freshness,
    /// Whether other processes may have its entries.
    pub(crate) is_shared: bool,
    /// Its number in this process, from 1; 0 until its first use.
    number: AtomicU32,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct SourcePlace {
    pub(crate) module: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    column: u32,
}

impl SourcePlace {
    pub(crate) const fn new(module: &'static str, at: &'static Location<'static>) -> Self {
        Self { module, file: at.file(), line: at.line(), column: at.column() }
    }
}

/// What tells an annotated function from all others. Functions that one call of a macro has made may differ in their owner
/// alone.
///
/// The order is the same wherever they stand, unless two of one owner have one name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct FunctionId {
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    pub(crate) owner: &'static str,
    pub(crate) place: SourcePlace,
}

impl FunctionId {
    fn new(place: SourcePlace, name: &'static str, item: ItemPath) -> Self {
        Self { module: place.module, name, owner: item.owner(), place }
    }
}

/// The path of a closure in the static that has the facts of a function. A static cannot name the type whose method the
/// function is, but the compiler writes that into this path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ItemPath(fn() -> &'static str);

impl ItemPath {
    const UNKNOWN: Self = Self(|| "");

    const fn of<F>() -> Self {
        Self(std::any::type_name::<F>)
    }

    /// The type whose method the function is, or the item around it. Generic arguments are `_`, and it is empty if it is
    /// not known.
    pub(crate) fn owner(self) -> &'static str {
        owner_of_static((self.0)())
    }
}

impl Query {
    /// One function, identified by the caller's location. `arguments` names the parts of its key.
    #[track_caller]
    pub const fn new(name: &'static str, module: &'static str, arguments: &'static [&'static str]) -> Self {
        let place = SourcePlace::new(module, Location::caller());
        Self {
            name,
            function: name,
            place,
            item: ItemPath::UNKNOWN,
            arguments,
            capacity: None,
            ttl: None,
            own_ttl: false,
            value_ttl: false,
            jitter: 0,
            tags: &[],
            formatted_tags: &[],
            has_other_tags: false,
            freshness: Freshness::NONE,
            is_shared: false,
            number: AtomicU32::new(0),
        }
    }

    /// Sets where its static is, by a closure in that.
    #[must_use]
    pub const fn item<F>(mut self, _closure: &F) -> Self {
        self.item = ItemPath::of::<F>();
        self
    }

    /// Limits its entries.
    #[must_use]
    pub const fn capacity(mut self, entries: usize) -> Self {
        self.capacity = Some(entries);
        self
    }

    /// Sets their time to live.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Sets whether they expire by their own time to live alone.
    #[must_use]
    pub const fn own_ttl(mut self, own_ttl: bool) -> Self {
        self.own_ttl = own_ttl;
        self
    }

    /// Sets whether only the value tells its time to live: see [`Miss::ttl_from`](crate::private::Miss::ttl_from).
    #[must_use]
    pub const fn value_ttl(mut self, value_ttl: bool) -> Self {
        self.value_ttl = value_ttl;
        self
    }

    /// Sets by how much each time to live may be shortened at random: 100,000 is a tenth.
    ///
    /// # Panics
    ///
    /// With a million or more: nothing would be left.
    #[must_use]
    pub const fn jitter(mut self, parts_per_million: u32) -> Self {
        assert!(parts_per_million < MILLION, "the jitter is less than the time to live");
        self.jitter = parts_per_million;
        self
    }

    /// Sets their tags.
    #[must_use]
    pub const fn tags(mut self, tags: &'static [&'static str]) -> Self {
        self.tags = tags;
        self
    }

    /// Sets the texts of their tags from arguments.
    #[must_use]
    pub const fn formatted_tags(mut self, texts: &'static [&'static str]) -> Self {
        self.formatted_tags = texts;
        self
    }

    /// Sets whether they have tags whose text is not known.
    #[must_use]
    pub const fn other_tags(mut self, has_other_tags: bool) -> Self {
        self.has_other_tags = has_other_tags;
        self
    }

    /// Sets whether other processes may have its entries.
    #[must_use]
    pub const fn shared(mut self, is_shared: bool) -> Self {
        self.is_shared = is_shared;
        self
    }

    /// Sets the line of the function: the caller of [`new`](Self::new) is an attribute, which may be that of a whole `impl`.
    #[must_use]
    pub const fn line(mut self, line: u32) -> Self {
        self.place.line = line;
        self
    }

    /// Sets the name of the function, if the query has another.
    #[must_use]
    pub const fn function(mut self, name: &'static str) -> Self {
        self.function = name;
        self
    }

    /// Sets how long before their expiry they are loaded anew.
    #[must_use]
    pub const fn refresh_ahead(mut self, span: Duration) -> Self {
        self.freshness.refresh_ahead = span;
        self
    }

    /// Sets how long after their expiry they are served while they are loaded anew.
    #[must_use]
    pub const fn stale_while_revalidate(mut self, span: Duration) -> Self {
        self.freshness.stale_while_revalidate = span;
        self
    }

    /// Sets how long after their expiry they are served if a load fails.
    #[must_use]
    pub const fn stale_if_error(mut self, span: Duration) -> Self {
        self.freshness.stale_if_error = span;
        self
    }

    /// Sets how long after a failed load nobody loads while there is a value to serve.
    #[must_use]
    pub const fn retry_after(mut self, span: Duration) -> Self {
        self.freshness.retry_after = span;
        self
    }

    /// Sets how long a caller with a stale value waits for a load.
    #[must_use]
    pub const fn soft_timeout(mut self, span: Duration) -> Self {
        self.freshness.soft_timeout = Some(span);
        self
    }

    pub(crate) fn id(&self) -> FunctionId {
        FunctionId::new(self.place, self.name, self.item)
    }

    /// The options of all its entries, without their tags: see [`QueryState::tags`](state::QueryState::tags).
    pub(crate) fn options(&self) -> EntryOptions {
        let Self { ttl, own_ttl, value_ttl, .. } = *self;
        EntryOptions { ttl, own_ttl, value_ttl, tags: Tags::new(), weight: None }
    }

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

    /// Without `self`, an attribute cannot tell the path of an item next to its function, which may be in an `impl`.
    /// The expansion states the facts several times; equal facts get the same number.
    #[cold]
    fn take_number(&self) -> u32 {
        static NUMBERS: Lazy<parking_lot::Mutex<HashMap<(SourcePlace, &'static str), u32>>> =
            Lazy::new(Default::default);
        let mut numbers = NUMBERS.lock();
        let next = u32::try_from(numbers.len() + 1).expect("there are fewer than 2^32 functions");
        let number = *numbers.entry((self.place, self.name)).or_insert(next);
        self.number.store(number, Ordering::Relaxed);
        number
    }
}

/// A query of one type: all instantiations of a generic `impl` share one static.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    pub(crate) query: &'static Query,
    pub(crate) owner: fn() -> Owner,
}

/// What `#[invalidates]` refers to: a query, and where (`W`) its cache is.
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

    /// A query of the item around the closure's function or constant.
    pub const fn around<F>(_closure: &F, query: &'static Query) -> Self {
        Self { site: Site { query, owner: Owner::around::<F> }, place: PhantomData }
    }
}

/// One key of a query.
///
/// Only a hash of the key, 64 bits with a random seed, because the body may take the arguments. Keys with an equal hash
/// are invalidated, too.
#[derive(Debug)]
pub struct KeyRef<W> {
    pub(crate) site: Site,
    pub(crate) key: KeyHash,
    place: PhantomData<W>,
}

/// The hash of a key, in the instantiations of a function with the same generic arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyHash {
    /// Without a scope.
    pub(crate) hash: u64,
    /// Represents the function's own generic arguments.
    pub(crate) instance: TypeId,
    /// A hash of the key that is the same in each process; 0 if it has none.
    #[cfg_attr(not(feature = "shared"), expect(dead_code, reason = "there are no other processes"))]
    pub(crate) mark: u64,
}

// The mark is left out: a key is the same whether its mark is known or not.
impl PartialEq for KeyHash {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.instance == other.instance
    }
}

impl Eq for KeyHash {}

impl Hash for KeyHash {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.hash, self.instance).hash(hasher);
    }
}

impl<W> KeyRef<W> {
    pub(crate) fn new(query: &QueryRef<W>, key: KeyHash) -> Self {
        Self { site: query.site, key, place: PhantomData }
    }
}
