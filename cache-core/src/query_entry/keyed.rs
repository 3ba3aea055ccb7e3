//! An entry with the types of its key and value.

use crate::cache::Cache;
use crate::clock::Nanos;
use crate::engine::hash::without_scope;
use crate::engine::mode::Mode;
use crate::engine::target::{ScopedTarget, TargetRef};
use crate::engine::transaction::HeldTarget;
use crate::entry::info::EntryInfo;
use crate::entry::options::EntryOptions;
use crate::entry::{AnyEntry, Entry};
use crate::eviction::weight::weight_of;
use crate::history::departed::Gone;
use crate::history::{Affected, LoggedTarget, Writer};
use crate::load::call::Call;
use crate::load::judge::Judged;
use crate::load::miss::{EntryParts, JudgeFn, Request};
use crate::query::KeyHash;
use crate::query_entry::explanation::{Explanation, Reason};
use crate::query_entry::put::{AnyPut, Put};
use crate::read_point::ReadPoint;
use crate::shared::ticket::Ticket;
use crate::store::{Held, Storable, Store, Wanted};
use crate::sync::Arc;
use crate::tag::Tag;
use crate::version::Version;
use crate::version::registry::TagRef;
use crate::version::scope::scope_id;
use crate::version::tag_set::{InvalidatedBy, TagSetBuilder};

/// An entry whose key and value have any type.
pub(crate) trait AnyKeyedEntry: Send + Sync {
    fn cache(&self) -> &Cache;
    /// The target that invalidates it.
    fn target(&self, by: Writer) -> ScopedTarget<'_>;
    /// Invalidates it, or holds that until the commit.
    fn invalidate_alone(&self, by: Writer) -> Ticket;
    /// The call, for people.
    fn call(&self) -> String;
}

/// An entry whose key has any type.
pub(crate) trait TypedEntry<V>: AnyKeyedEntry {
    fn get(&self) -> Option<V>;
    fn is_cached(&self) -> bool;
    /// `None`: it is current now.
    fn insert(&self, point: Option<&ReadPoint>, value: V, by: Writer) -> bool;
    fn invalidate(&self, by: Writer) -> bool;
    fn info(&self) -> Option<EntryInfo>;
    fn explain(&self) -> Explanation;
    /// A value to store with an invalidation; `None` if it is not storable.
    fn put(&self, point: &ReadPoint, value: V, replaces: bool) -> Option<Box<dyn AnyPut>>;
}

pub(crate) struct KeyedEntry<K, V> {
    cache: Cache,
    store: Arc<Store<K, V>>,
    hash: u64,
    key: K,
    duplicate: fn(&K) -> K,
    /// See [`KeyHash`].
    mark: u64,
    options: EntryOptions,
    judge: JudgeFn<V>,
    /// Raised by each invalidation of the key from here on.
    key_node: TagRef,
    /// Invalidations with a later version have found the node.
    made_at: Version,
}

impl<K: Storable + Eq, V: Storable + Clone> KeyedEntry<K, V> {
    pub(crate) fn new(parts: EntryParts<K, V>, duplicate: fn(&K) -> K) -> Self {
        let EntryParts { request, options, judge } = parts;
        let mark = request.mark();
        let Request { engine, store, scope, hash, key, mode, .. } = request;
        let cache = Cache::of_entry(engine, scope, mode);
        let key_node = cache.engine().key_node(cache.scope_ref(), &store.query, store.instance, hash);
        let made_at = cache.engine().timeline().versions.settled();
        Self { cache, store, hash, key, duplicate, mark, options, judge, key_node, made_at }
    }

    fn look_up(&self) -> Call<'_, K, V> {
        Call { engine: self.cache.engine(), store: &self.store, scope: self.cache.scope_ref() }
    }

    fn wanted(&self) -> Wanted<impl Fn(&K) -> bool + Copy> {
        let scope = scope_id(self.cache.scope_ref());
        Wanted { hash: self.hash, scope, is_key: |stored: &K| *stored == self.key }
    }

    fn key_hash(&self) -> KeyHash {
        let hash = without_scope(self.hash, scope_id(self.cache.scope_ref()));
        KeyHash { hash, instance: self.store.instance, mark: self.mark }
    }

    /// Also a dead one.
    fn find(&self) -> Held<'_, K, V> {
        Held { entry: self.store.find_current(&self.wanted()), counters: &self.store.query.counters }
    }

    fn find_live(&self) -> Held<'_, K, V> {
        let found = self.find();
        let (storage, now) = (&self.cache.engine().storage, self.cache.engine().timeline().time.now());
        let is_live = found.entry.as_ref().is_some_and(|entry| self.store.is_live(storage, &entry.meta, now));
        if is_live { found } else { Held { entry: None, counters: &self.store.query.counters } }
    }

    fn info_and_birth(&self) -> Option<(EntryInfo, Version)> {
        if !self.cache.mode().takes_entries() {
            return None;
        }
        let found = self.find_live();
        let now = self.cache.engine().timeline().time.now();
        let entry = found.entry.as_ref()?;
        Some((self.store.info_of(entry, now)?, entry.meta.birth))
    }

    fn reason(&self) -> Reason {
        let engine = self.cache.engine();
        match self.cache.mode() {
            Mode::Transaction(_) => return Reason::InTransaction,
            Mode::Bypass => return Reason::Bypassed,
            Mode::Refresh => return Reason::Refreshed,
            Mode::Ordinary | Mode::Audited | Mode::Entry(_) => {}
        }
        if engine.storage.capacity_of(&self.store.query) == 0 {
            return Reason::NothingIsStored;
        }
        let found = self.find();
        let now = engine.timeline().time.now();
        let Some(meta) = found.entry.as_ref().map(|entry| &entry.meta) else {
            return match engine.storage.history.departed.find(self.store.number, self.hash) {
                Gone::Expired => Reason::Expired { ago: None, is_kept: false },
                Gone::Evicted => Reason::Evicted,
                gone @ Gone::Invalidated(_) => self.invalidated(gone, None),
                Gone::Unknown | Gone::PassedBy => self.last_invalidation(),
            };
        };
        match engine.storage.invalidated_by(&self.store.query, meta) {
            Some(what) => self.invalidated(self.store.why_dead(&engine.storage, meta), Some(what)),
            None if now >= meta.expires_at => {
                let is_kept = self.store.is_kept(&engine.storage, meta, now);
                Reason::Expired { ago: Some(now - meta.expires_at), is_kept }
            }
            None => Reason::Absent { last: None },
        }
    }

    fn with_affected<R>(&self, tag: Option<&Tag>, with: impl FnOnce(&Affected<'_>) -> R) -> R {
        let tags: Vec<Tag> = self.options.tags.iter().chain(tag).cloned().collect();
        let scope = scope_id(self.cache.scope_ref());
        with(&Affected { query: &self.store.query, key: self.key_hash(), scope, tags: &tags })
    }

    /// `what`: if its entry is still there.
    fn invalidated(&self, gone: Gone, what: Option<InvalidatedBy>) -> Reason {
        let tag = if let Some(InvalidatedBy::Tag(tag)) = &what { Some(tag) } else { None };
        let by = self.with_affected(tag, |affected| self.cache.engine().who(gone, affected));
        let (mutation, target) =
            by.map_or((None, None), |(mutation, target)| (Some(Box::new(mutation)), target.map(Box::new)));
        Reason::Invalidated { what, mutation, target }
    }

    /// Of a key about which nothing else is known.
    fn last_invalidation(&self) -> Reason {
        let engine = self.cache.engine();
        let found = self.with_affected(None, |affected| {
            let record = engine.storage.history.last_about(affected)?;
            let target = record.target_of(affected).map(LoggedTarget::info);
            Some((record.info(engine.timeline().time.now()), target))
        });
        Reason::Absent { last: found.map(Box::new) }
    }
}

impl<K: Storable + Eq, V: Storable + Clone> AnyKeyedEntry for KeyedEntry<K, V> {
    fn invalidate_alone(&self, by: Writer) -> Ticket {
        match self.cache.transaction_state() {
            None => self.cache.engine().invalidate(&[self.target(by)]),
            Some(transaction) => transaction.hold(self.cache.engine(), vec![HeldTarget::from(self.target(by))]),
        }
    }

    fn call(&self) -> String {
        let mut call = format!("{}(", self.store.query.name);
        // A key whose `Debug` fails is shown as far as it got.
        let _ = (self.store.describe)(&self.key, &self.store.query, &mut call);
        call.push(')');
        call
    }

    fn cache(&self) -> &Cache {
        &self.cache
    }

    fn target(&self, by: Writer) -> ScopedTarget<'_> {
        let scope = self.cache.scope_ref();
        ScopedTarget { scope, target: TargetRef::Key(&self.store.query, self.key_hash()), by }
    }
}

impl<K: Storable + Eq, V: Storable + Clone> TypedEntry<V> for KeyedEntry<K, V> {
    fn get(&self) -> Option<V> {
        if self.cache.mode().takes_entries() { self.look_up().get(&self.wanted()) } else { None }
    }

    fn is_cached(&self) -> bool {
        self.cache.mode().takes_entries() && self.look_up().contains(&self.wanted())
    }

    fn insert(&self, point: Option<&ReadPoint>, value: V, by: Writer) -> bool {
        let engine = self.cache.engine();
        let now = ReadPoint::now(engine.timeline());
        let Some(mut put) = self.put(point.unwrap_or(&now), value, true) else {
            // What is cached is not the value.
            if point.is_none() {
                self.invalidate(by);
            }
            return false;
        };
        engine.resume_certain();
        if point.is_some() && !put.is_current() {
            return false;
        }
        let ticket = engine.invalidate_and_judge(&[self.target(by)], |version| put.judge(version));
        let is_stored = put.store(engine);
        ticket.wait();
        is_stored
    }

    fn invalidate(&self, by: Writer) -> bool {
        let was_cached = self.find_live().entry.is_some();
        self.invalidate_alone(by).wait();
        was_cached
    }

    fn info(&self) -> Option<EntryInfo> {
        self.info_and_birth().map(|(info, _)| info)
    }

    fn explain(&self) -> Explanation {
        let (found, birth) =
            self.info_and_birth().map_or_else(|| (Err(self.reason()), None), |(info, birth)| (Ok(info), Some(birth)));
        let since = birth.map(|birth| self.cache.engine().mutations_since(birth));
        Explanation { call: self.call(), found, is_loading: self.store.is_loading(&self.wanted()), since }
    }

    fn put(&self, point: &ReadPoint, value: V, replaces: bool) -> Option<Box<dyn AnyPut>> {
        let engine = self.cache.engine();
        let stores = matches!(self.cache.mode(), Mode::Ordinary | Mode::Audited | Mode::Refresh);
        if !stores || !point.is_of(engine.timeline()) {
            return None;
        }
        let Judged { tags, ttl, weight } = (self.judge)(&value)?;
        let mut options = self.options.clone().tags(tags);
        if ttl.is_some() {
            (options.ttl, options.value_ttl) = (ttl, false);
        }
        let key = (self.duplicate)(&self.key);
        let mut candidate = engine.candidate(self.cache.scope_ref(), &self.store, self.hash, options).with_key(key);
        // An invalidation of the key before it is stored finds no entry to remove: it raises this node.
        let mut nodes = TagSetBuilder::default();
        nodes.add_all(&candidate.tags);
        nodes.add(self.key_node.clone());
        candidate.tags = nodes.build();
        let knows_key = self.made_at <= point.version;
        let (store, weight, point) = (self.store.clone(), weight_of(weight), point.clone());
        Some(Box::new(Put::new(store, candidate, value, weight, point, knows_key, replaces)))
    }
}

impl<K: Storable, V: Storable> Store<K, V> {
    fn info_of(&self, entry: &Arc<Entry<K, V>>, now: Nanos) -> Option<EntryInfo> {
        let entry: Arc<dyn AnyEntry> = entry.clone();
        self.info_with(&entry, now, self.describe)
    }
}
