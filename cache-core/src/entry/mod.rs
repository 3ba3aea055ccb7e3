//! An entry: a value with its key and metadata, in one allocation. For what a hit writes to it, see [`crate::store`].
//!
//! [`discard`] drops the user's keys and values, with no lock held: it may run code of observers, too.

pub(crate) mod hits;
pub(crate) mod id;
pub(crate) mod info;
pub(crate) mod options;

use std::any::Any;
use std::mem::needs_drop;
use std::sync::atomic::AtomicU32;

use crate::clock::Nanos;
use crate::entry::hits::Hits;
use crate::entry::id::{EntryId, NIL};
use crate::stats::counters::Counters;
use crate::sync::unwind::contain_or;
use crate::sync::{Arc, AtomicU64, Ordering};
use crate::version::Version;
use crate::version::scope::ScopeId;
use crate::version::tag_set::TagSet;

/// The fields that a hit reads are adjacent: the end of [`Meta`], the key, and the value.
#[repr(C)]
pub(crate) struct Entry<K, V> {
    pub(crate) meta: Meta,
    pub(crate) key: K,
    pub(crate) value: V,
}

#[repr(C)]
pub(crate) struct Meta {
    /// The version when its load began.
    pub(crate) birth: Version,
    /// The start of its load.
    pub(crate) began: Nanos,
    /// Its id in its segment, or [`NIL`]. Written under the lock of the segment, which orders it.
    id: AtomicU32,
    store_and_segment: u32,
    pub(crate) tags: TagSet,
    pub(crate) scope: ScopeId,
    pub(crate) hits: Hits,
    pub(crate) hash: u64,
    pub(crate) expires_at: Nanos,
    valid_as_of: AtomicU64,
}

/// Marks `valid_as_of` of an entry that depends on another cache. The clock never shows such a version, so each hit
/// checks the dependencies.
const FOREIGN: Version = 1 << 63;

/// The bits of the store's number in `store_and_segment`; the others are the segment's.
const STORE_BITS: u32 = 26;

pub(crate) struct EntryOrigin {
    pub(crate) hash: u64,
    pub(crate) scope: ScopeId,
    pub(crate) store: u32,
    /// See [`EvictionSegments`](crate::eviction::EvictionSegments).
    pub(crate) segment: u8,
    pub(crate) tags: TagSet,
    /// The version when its load began.
    pub(crate) birth: Version,
    pub(crate) valid_as_of: Version,
    pub(crate) began: Nanos,
    pub(crate) expires_at: Nanos,
}

impl Meta {
    pub(crate) fn new(origin: EntryOrigin) -> Self {
        let EntryOrigin { hash, scope, store, segment, tags, birth, valid_as_of, began, expires_at } = origin;
        let mark = if tags.has_foreign() { FOREIGN } else { 0 };
        let (valid_as_of, id) = (AtomicU64::new(valid_as_of | mark), AtomicU32::new(NIL));
        let store_and_segment = store | u32::from(segment) << STORE_BITS;
        Self { birth, tags, began, id, store_and_segment, scope, hits: Hits::new(0), hash, expires_at, valid_as_of }
    }

    pub(crate) fn store(&self) -> u32 {
        self.store_and_segment & !(u32::MAX << STORE_BITS)
    }

    pub(crate) fn segment(&self) -> usize {
        (self.store_and_segment >> STORE_BITS) as usize
    }

    /// Whether it is known to be valid as of the clock's `version`.
    #[inline]
    pub(crate) fn is_known_valid(&self, version: Version) -> bool {
        self.valid_as_of.load(Ordering::Relaxed) == version
    }

    pub(crate) fn has_foreign(&self) -> bool {
        self.valid_as_of.load(Ordering::Relaxed) & FOREIGN > 0
    }

    /// The last version as of which it is known to be valid.
    pub(crate) fn valid_as_of(&self) -> Version {
        self.valid_as_of.load(Ordering::Relaxed) & !FOREIGN
    }

    /// Records that it was found valid after the clock showed this version.
    pub(crate) fn set_valid_as_of(&self, version: Version) {
        let mark = self.valid_as_of.load(Ordering::Relaxed) & FOREIGN;
        self.valid_as_of.store(version | mark, Ordering::Relaxed);
    }

    pub(crate) fn id(&self) -> Option<EntryId> {
        let id = self.id.load(Ordering::Relaxed);
        (id != NIL).then_some(id)
    }

    pub(crate) fn set_id(&self, id: Option<EntryId>) {
        self.id.store(id.unwrap_or(NIL), Ordering::Relaxed);
    }
}

pub(crate) trait AnyEntry: Any + Send + Sync {
    fn meta(&self) -> &Meta;
    fn discard(self: Arc<Self>, counters: &Counters);
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> AnyEntry for Entry<K, V> {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn discard(self: Arc<Self>, counters: &Counters) {
        discard(self, counters);
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

pub(crate) fn address<T: ?Sized>(entry: &Arc<T>) -> usize {
    Arc::as_ptr(entry).cast::<()>().addr()
}

/// Drops a reference, and with the last one the key and value. A panic in their `Drop` is caught, counted and told to the
/// observers: this call may have nothing to do with them.
///
/// Not inlined: it has many callers, and is compiled for each type.
#[inline(never)]
pub(crate) fn discard<K, V>(entry: Arc<Entry<K, V>>, counters: &Counters) {
    if let Some(entry) = Arc::into_inner(entry) {
        discard_last(entry, counters);
    }
}

pub(crate) fn discard_some<K, V>(entry: Option<Arc<Entry<K, V>>>, counters: &Counters) {
    if let Some(entry) = entry {
        discard(entry, counters);
    }
}

#[cold]
fn discard_last<K, V>(Entry { meta, key, value }: Entry<K, V>, counters: &Counters) {
    discard_value(counters, key);
    discard_value(counters, value);
    drop(meta);
}

/// Drops a user's value as [`discard`] does.
pub(crate) fn discard_value<T>(counters: &Counters, value: T) {
    if const { needs_drop::<T>() } {
        let mut value = Some(value);
        catch_drop_panic(counters, &mut || drop(value.take()));
    }
}

/// Not generic: compiled once, in this crate.
#[inline(never)]
fn catch_drop_panic(counters: &Counters, drop_value: &mut dyn FnMut()) {
    contain_or(drop_value, |message| counters.count_drop_panic(message));
}

/// Clones the value with no lock and no pin held, and discards the reference.
#[inline(never)]
pub(crate) fn clone_value<K, V: Clone>(entry: Arc<Entry<K, V>>, counters: &Counters) -> V {
    let value = entry.value.clone();
    discard(entry, counters);
    value
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::stats::counters::Event;

    struct PanicsInDrop;

    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            panic!("in `Drop`");
        }
    }

    fn entry<V>(value: V) -> Arc<Entry<PanicsInDrop, V>> {
        let (tags, birth, valid_as_of, began, expires_at) = (TagSet::default(), 0, 0, 0, 1);
        let (hash, scope, store, segment) = (0, 0, 1, 0);
        let meta = Meta::new(EntryOrigin { hash, scope, store, segment, tags, birth, valid_as_of, began, expires_at });
        Arc::new(Entry { meta, key: PanicsInDrop, value })
    }

    #[test]
    fn p11_a_panic_in_drop_is_counted_and_goes_no_further() {
        let counters = Counters::new();
        let value = Arc::new(());
        let first = entry(value.clone());
        let reader = first.clone();
        discard(first, &counters);
        assert_eq!((counters.sum(Event::DropPanic), Arc::strong_count(&value)), (0, 2), "a reader still holds it");
        discard(reader, &counters);
        assert_eq!((counters.sum(Event::DropPanic), Arc::strong_count(&value)), (1, 1));
        discard(entry(PanicsInDrop), &counters);
        assert_eq!(counters.sum(Event::DropPanic), 3, "the key and the value");
    }

    #[test]
    fn p11_a_panic_in_drop_is_told_once_it_is_counted() {
        let (mut counters, told) = (Counters::new(), Arc::new(Mutex::new(Vec::new())));
        let tells = told.clone();
        counters.tell_drop_panics(Some(Box::new(move |message| tells.lock().unwrap().push(message.to_owned()))));
        discard(entry(()), &counters);
        discard_value(&counters, String::new());
        assert_eq!((counters.sum(Event::DropPanic), &**told.lock().unwrap()), (1, &["in `Drop`".to_owned()][..]));
    }
}
