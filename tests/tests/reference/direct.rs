//! A `TaggedCache`, without attributes.

use std::time::Duration;

use cache_core::{EntryInfo, EntryOptions, ManualClock, Stats, TaggedCache};

use crate::model::{Settings, Value};
use crate::ops::{End, Place, Scope, TagName, scope_name, weight};
use crate::run::{Call, Failure, Subject};

pub(crate) struct Direct(TaggedCache<u8, Value>);

impl Direct {
    pub(crate) fn new(settings: Settings, clock: &ManualClock) -> Self {
        let Settings { capacity, default_ttl, windows, max_weight } = settings;
        let mut cache = TaggedCache::builder()
            .capacity(capacity)
            .default_ttl(default_ttl)
            .refresh_ahead(windows.refresh_ahead)
            .stale_while_revalidate(windows.stale_while_revalidate)
            .stale_if_error(windows.stale_if_error)
            .retry_after(windows.retry_after)
            .clock(clock.clone());
        if let Some(most) = max_weight {
            cache = cache.max_weight(most).weight(|value: &Value| weight(**value));
        }
        Self(cache.build())
    }

    fn of(&self, scope: Scope) -> TaggedCache<u8, Value> {
        scope.map_or_else(|| self.0.clone(), |scope| self.0.scope(scope_name(scope)))
    }
}

fn options((ttl, tags): (Option<Duration>, Vec<TagName>)) -> EntryOptions {
    let options = EntryOptions::new().tags(tags);
    match ttl {
        Some(ttl) => options.ttl(ttl),
        None => options,
    }
}

impl Subject for Direct {
    fn load(&self, call: &Call<'_>) -> Result<Value, Failure> {
        let Place { scope, key, .. } = call.plan.place;
        let cache = self.of(scope);
        let options = || options(call.options());
        let body = || call.body().expect("only a fallible call fails");
        let late = |value: &Value| call.late(**value);
        let plain = call.plan.late.is_empty() && call.plan.after.is_empty() && call.plan.end != End::PanicAfter;
        match (call.plan.fallible, plain) {
            (false, true) => Ok(cache.get_or_load_with(&key, options, body)),
            (false, false) => Ok(cache.get_or_load_tagged(&key, options, body, late)),
            (true, true) => cache.entry(&key).with(options).or_try_load(|| call.body()),
            (true, false) => cache.entry(&key).with(options).tags_from(late).or_try_load(|| call.body()),
        }
    }

    fn get(&self, Place { scope, key, .. }: Place) -> Option<Value> {
        self.of(scope).get(&key)
    }

    fn insert(&self, Place { scope, key, .. }: Place, value: Value, ttl: Option<Duration>, tags: &[TagName]) {
        self.of(scope).insert_with(key, value, options((ttl, tags.to_vec())));
    }

    fn invalidate_key(&self, Place { scope, key, .. }: Place) -> bool {
        self.of(scope).invalidate_key(&key)
    }

    fn invalidate_tags(&self, scope: Scope, tags: &[TagName]) {
        self.of(scope).invalidate_tags(tags);
    }

    fn invalidate_all(&self, scope: Scope) {
        self.of(scope).invalidate_all();
    }

    fn purge(&self) {
        self.0.purge();
    }

    fn len(&self, scope: Scope) -> usize {
        self.of(scope).len()
    }

    fn len_with_stale(&self, scope: Scope) -> usize {
        self.of(scope).len_with_stale()
    }

    fn stats(&self) -> Stats {
        self.0.stats()
    }

    fn entries(&self, scope: Scope) -> Vec<EntryInfo> {
        self.of(scope).entries()
    }

    fn check_invariants(&self) {
        self.0.check_invariants();
    }
}
