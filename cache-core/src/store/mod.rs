//! The entries of one query, or of one [`TaggedCache`](crate::TaggedCache).
//!
//! # A hit
//!
//! A hit pins its shard (see [`crate::sync::read_mostly`]), finds the entry, reads the clock, checks that the entry is
//! live, and clones the value in place. Nobody waits for a pin, so a `Clone` may take long, and may use the cache.
//!
//! Hits of a hot entry write to no memory that other threads' hits write to, except the reference count of a value that
//! has one (such as an `Arc`). A hit writes to:
//!
//! - The lock of its thread's stripe of the shard. More threads than stripes contend for cache lines.
//! - The hits of the query, in [`Counters`]: a cache line per thread, up to twice as many threads as processors.
//! - The hits of the entry, in [`Hits`](crate::entry::hits::Hits): the first 32, then one in 64, drawn at random. When
//!   the policy inspects an entry, it lowers its frequency, and up to seven of the next hits are written again.
//! - The version as of which the entry is valid: the first hits after an invalidation.
//!
//! The pin keeps the entry. Only hits in the body of a load, and hits that find their stripe stale, take a reference.
//!
//! # Changes
//!
//! An insert or a removal takes the writers' lock of the shard, then the lock of one segment of the
//! [eviction](crate::eviction), and waits for nothing else under either. An evicted entry leaves its segment first. It
//! leaves its shard under the same lock if the new entry is in that shard, as is usual, and otherwise after all locks
//! are released.
//!
//! | word | what it does to an entry |
//! |---|---|
//! | put | adds it to its shard, in place of the last entry of its key |
//! | forget | removes the entries of a key from shard and eviction, and fences the loads of the key |
//! | remove | removes it from shard and eviction |
//! | dispose | removes it from its shard, after it has left the eviction |
//! | settle | disposes of what had to leave for a new entry (the *aftermath*) and counts it |
//! | discard | drops one reference; the last one drops key and value, and counts and tells a panic in `Drop` |
//!
//! No user code runs under a lock that others wait for, except `Eq` of keys. Values are cloned under a pin or from
//! referenced entries, keys are formatted from referenced entries, and values are dropped after the lock is released.

pub(crate) mod aged;
pub(crate) mod candidate;
mod claim;
pub(crate) mod entry_table;
pub(crate) mod erased;
mod insert;
mod remove;
pub(crate) mod storage;

pub(crate) use claim::{Caller, Claim, NewLoad};
pub(crate) use insert::{Loaded, Made};

use std::any::TypeId;
use std::fmt;

use crate::clock::Nanos;
use crate::entry::{Entry, Meta, address, discard};
use crate::flight::Flights;
use crate::history::departed::Gone;
use crate::query::state::QueryState;
use crate::query::windows::Windows;
use crate::stats::counters::{Counters, Event, processors};
use crate::store::entry_table::EntryTable;
use crate::store::storage::{Storage, WithEntries};
use crate::sync::Arc;
use crate::sync::read_mostly::{ReadMostly, Writer};
use crate::tag::Tag;
use crate::version::Version;
use crate::version::scope::ScopeId;
use crate::version::tag_set::InvalidatedBy;

pub(crate) trait Storable: Send + Sync + 'static {}
impl<T: Send + Sync + 'static> Storable for T {}

pub(crate) type Describe<K> = fn(&K, &QueryState, &mut dyn fmt::Write) -> fmt::Result;

/// Each shard has the entries and the loads in flight of some keys.
type Shards<K, V> = ReadMostly<EntryTable<K, V>, Flights<K>>;

type ShardWriter<'a, K, V> = Writer<'a, EntryTable<K, V>, Flights<K>>;

pub(crate) struct Store<K, V> {
    /// Its number among the stores of the cache.
    pub(crate) number: u32,
    shards: Shards<K, V>,
    /// See [`Windows`]; so is the next.
    refresh_ahead: Nanos,
    pub(crate) has_windows: bool,
    pub(crate) query: Arc<QueryState>,
    /// The generic arguments of the query's function, which tell its keys apart.
    pub(crate) instance: TypeId,
    pub(crate) describe: Describe<K>,
}

/// A key, borrowed from the caller.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<F> {
    pub(crate) hash: u64,
    pub(crate) scope: ScopeId,
    pub(crate) is_key: F,
}

impl<F> Wanted<F> {
    /// For code that is compiled once per type of entries.
    pub(crate) fn as_dyn<K>(&self) -> Wanted<&dyn Fn(&K) -> bool>
    where
        F: Fn(&K) -> bool,
    {
        Wanted { hash: self.hash, scope: self.scope, is_key: &self.is_key }
    }
}

/// A reference to an entry, discarded when it is dropped.
pub(crate) struct Held<'a, K, V> {
    pub(crate) entry: Option<Arc<Entry<K, V>>>,
    pub(crate) counters: &'a Counters,
}

impl<K, V> Drop for Held<'_, K, V> {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            discard(entry, self.counters);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Expired or invalidated, or to be refreshed.
    Dead,
    Missing,
}

impl<K: Storable, V: Storable> Store<K, V> {
    pub(crate) fn new(
        number: u32,
        shards: usize,
        query: Arc<QueryState>,
        instance: TypeId,
        describe: Describe<K>,
    ) -> Self {
        debug_assert!(shards.is_power_of_two());
        let shards = Shards::new(shards, || (EntryTable::new(query.clone()), Flights::new()), processors());
        let (refresh_ahead, has_windows) = (query.windows.refresh_ahead, query.windows.is_any());
        Self { number, shards, refresh_ahead, has_windows, query, instance, describe }
    }

    /// Finds the fresh entry of a key, and counts a hit. `take` may be slow, and may use the cache: see [`ReadMostly`]. A miss
    /// returns the time; who loads it [counts](Storage::count_miss) it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "it has few callers, and a call would cost each hit")]
    pub(crate) fn look_up<R>(
        &self,
        storage: &Storage,
        wanted: Wanted<impl Fn(&K) -> bool>,
        take: impl FnOnce(&Arc<Entry<K, V>>) -> R,
    ) -> Result<R, (Absent, Nanos)> {
        let found = self.peek(storage, wanted, |entry| {
            entry.meta.hits.record();
            take(entry)
        });
        if found.is_ok() {
            self.query.counters.count(Event::Hit);
        }
        found
    }

    /// A [`look_up`](Store::look_up) that counts nothing.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as for its caller on the path of a hit")]
    pub(crate) fn peek<R>(
        &self,
        storage: &Storage,
        wanted: Wanted<impl Fn(&K) -> bool>,
        take: impl FnOnce(&Arc<Entry<K, V>>) -> R,
    ) -> Result<R, (Absent, Nanos)> {
        let Some(pin) = self.shards.pin(self.place(wanted.hash)) else {
            // One by one, in registers: each hit would write to memory what is passed by reference here.
            return self.get_current(storage, wanted.hash, wanted.scope, wanted.is_key, take);
        };
        let found = pin.find_fast(wanted.hash, wanted.scope, wanted.is_key);
        self.take_fresh(storage, found, take)
    }

    /// Like [`peek`](Self::peek), for a stale stripe: on the current table.
    #[cold]
    fn get_current<R>(
        &self,
        storage: &Storage,
        hash: u64,
        scope: ScopeId,
        is_key: impl Fn(&K) -> bool,
        take: impl FnOnce(&Arc<Entry<K, V>>) -> R,
    ) -> Result<R, (Absent, Nanos)> {
        let held = Held { entry: self.find_current(&Wanted { hash, scope, is_key }), counters: &self.query.counters };
        self.take_fresh(storage, held.entry.as_ref(), take)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as for its caller")]
    fn take_fresh<R>(
        &self,
        storage: &Storage,
        found: Option<&Arc<Entry<K, V>>>,
        take: impl FnOnce(&Arc<Entry<K, V>>) -> R,
    ) -> Result<R, (Absent, Nanos)> {
        // Only now: the processor fetches the entry meanwhile.
        let now = storage.timeline.time.now();
        let Some(entry) = found else { return Err((Absent::Missing, now)) };
        // Before its validity is checked: what was heard by now is complete until lately.
        if !storage.timeline.may_serve(now) {
            return Err((Absent::Missing, now));
        }
        let is_fresh = Windows::is_fresh(self.refresh_ahead, entry.meta.expires_at, now);
        if !is_fresh || !storage.is_valid(&self.query, &entry.meta) {
            return Err((Absent::Dead, now));
        }
        Ok(take(entry))
    }

    /// Why a look-up found nothing fresh.
    #[cold]
    pub(crate) fn why(&self, storage: &Storage, wanted: &Wanted<&dyn Fn(&K) -> bool>, absent: Absent) -> Gone {
        let entry = if absent == Absent::Dead { self.find_current(wanted) } else { None };
        let held = Held { entry, counters: &self.query.counters };
        match &held.entry {
            Some(entry) => self.why_dead(storage, &entry.meta),
            None => storage.history.departed.find(self.number, wanted.hash),
        }
    }

    /// Of an entry that is not fresh.
    pub(crate) fn why_dead(&self, storage: &Storage, meta: &Meta) -> Gone {
        storage.invalidated_at(&self.query, meta).map_or(Gone::Expired, Gone::Invalidated)
    }

    /// The tag through which the entry of a key was invalidated, if it was, and is still there.
    pub(crate) fn invalidated_tag(&self, storage: &Storage, wanted: &Wanted<impl Fn(&K) -> bool>) -> Option<Tag> {
        let held = Held { entry: self.find_current(wanted), counters: &self.query.counters };
        match storage.invalidated_by(&self.query, &held.entry.as_ref()?.meta)? {
            InvalidatedBy::Tag(tag) => Some(tag),
            _ => None,
        }
    }

    /// The entry is about to leave, and nothing takes its place.
    pub(crate) fn record_departure(&self, storage: &Storage, meta: &Meta, gone: Gone) {
        storage.history.departed.record(self.number, meta.hash, gone);
    }

    /// Whether a load of a key is in flight.
    pub(crate) fn is_loading(&self, wanted: &Wanted<impl Fn(&K) -> bool>) -> bool {
        self.lock(wanted.hash).state_mut().find(wanted.hash, wanted.scope, &wanted.is_key, 0, 0).loads > 0
    }

    /// The entry may be dead.
    pub(crate) fn find_current(&self, wanted: &Wanted<impl Fn(&K) -> bool>) -> Option<Arc<Entry<K, V>>> {
        let mut found = None;
        self.shards.read_current(self.place(wanted.hash), &mut |table| {
            found = table.find(wanted.hash, wanted.scope, &wanted.is_key).cloned();
        });
        found
    }

    /// Neither expired nor invalidated.
    pub(crate) fn is_live(&self, storage: &Storage, meta: &Meta, now: Nanos) -> bool {
        now < meta.expires_at && storage.is_valid(&self.query, meta)
    }

    /// Neither invalidated, nor expired for so long that nobody is served it.
    pub(crate) fn is_kept(&self, storage: &Storage, meta: &Meta, now: Nanos) -> bool {
        now < self.query.windows.kept_until(meta.expires_at) && storage.is_valid(&self.query, meta)
    }

    pub(crate) fn shrink(&self) {
        for place in 0..self.shards.len() {
            let mut shard = self.shards.lock(place);
            shard.value_mut().shrink();
            shard.state_mut().shrink();
        }
    }

    /// Loads in flight, and followers; `None` if a shard is locked.
    pub(crate) fn count_flights(&self) -> Option<(usize, usize)> {
        let (mut loads, mut waiting) = (0, 0);
        for place in 0..self.shards.len() {
            let (more, more_waiting) = self.shards.try_view(place, Flights::count)?;
            (loads, waiting) = (loads + more, waiting + more_waiting);
        }
        Some((loads, waiting))
    }

    /// Panics if the shards contradict themselves. All are locked while `with` gets their entries.
    pub(crate) fn check_shards(&self, with: WithEntries<'_>) {
        let shards: Vec<_> = (0..self.shards.len()).map(|place| self.shards.lock(place)).collect();
        let mut entries = Vec::new();
        for shard in &shards {
            shard.check_invariants();
            shard.value().check_invariants();
            shard.state().check_invariants();
            entries.extend(shard.value().iter().map(|entry| (&entry.meta, address(entry))));
        }
        with(&entries);
    }
}

impl<K, V> Store<K, V> {
    /// See [`Departed::record_unstored`](crate::history::departed::Departed::record_unstored).
    pub(crate) fn record_unstored(
        &self,
        storage: &Storage,
        hash: u64,
        birth: Version,
        invalidated_at: Option<Version>,
    ) {
        storage.history.departed.record_unstored(self.number, hash, birth, invalidated_at);
    }

    fn lock(&self, hash: u64) -> ShardWriter<'_, K, V> {
        self.shards.lock(self.place(hash))
    }

    #[inline]
    fn place(&self, hash: u64) -> usize {
        // Bits that the shard's table does not use first.
        (hash >> 40) as usize & (self.shards.len() - 1)
    }
}
