//! The caches under test.

use std::collections::HashMap;
use std::time::Duration;

use cache_core::{Cache, HasCache, ManualClock, Stats, TaggedCache, cached_query, invalidates};

use super::model::{Item, Place, Target};
use crate::ops::scope_name;
use crate::run::Failure;
use crate::windows::Windows;

pub(super) type Found = Result<Vec<(u8, u64)>, Failure>;

/// Called with the ids that are missing.
pub(super) type Body<'a> = &'a dyn Fn(&[u8]) -> Result<HashMap<u8, u64>, Failure>;

pub(super) const TTL: Duration = Duration::from_secs(3);

/// As the attribute below says.
pub(super) const OF_QUERY: Windows = Windows::of_seconds(1, 1, 4, 2);

pub(super) trait Subject {
    /// In the order of the ids.
    fn each(&self, scope: Option<u8>, ids: &[u8], fallible: bool, body: Body<'_>) -> Found;
    fn invalidate(&self, scope: Option<u8>, target: Target);
    fn purge(&self);
    /// Live entries, and those that may be served.
    fn lens(&self) -> (usize, usize);
    fn stats(&self) -> Stats;
    fn check_invariants(&self);

    /// One id, as a key.
    fn one(&self, _: Place, _fallible: bool, _: Body<'_>) -> Result<Item, Failure> {
        unreachable!("direct only")
    }
    fn get(&self, _: Place) -> Option<Item> {
        unreachable!("direct only")
    }
    fn insert(&self, _: Place, _: Item) {
        unreachable!("direct only")
    }
    fn invalidate_key(&self, _: Place) -> bool {
        unreachable!("direct only")
    }
}

pub(super) struct Direct(TaggedCache<u8, Item>);

impl Direct {
    pub(super) fn new(capacity: usize, windows: Windows, clock: &ManualClock) -> Self {
        let cache = TaggedCache::builder()
            .capacity(capacity)
            .default_ttl(TTL)
            .refresh_ahead(windows.refresh_ahead)
            .stale_while_revalidate(windows.stale_while_revalidate)
            .stale_if_error(windows.stale_if_error)
            .retry_after(windows.retry_after)
            .clock(clock.clone());
        Self(cache.build())
    }

    fn of(&self, scope: Option<u8>) -> TaggedCache<u8, Item> {
        scope.map_or_else(|| self.0.clone(), |scope| self.0.scope(scope_name(scope)))
    }
}

impl Subject for Direct {
    fn each(&self, scope: Option<u8>, ids: &[u8], fallible: bool, body: Body<'_>) -> Found {
        let pairs = |ids: Vec<u8>| body(&ids).map(Vec::from_iter);
        if fallible {
            return self.of(scope).get_or_try_load_each(ids, pairs);
        }
        Ok(self.of(scope).get_or_load_each(ids, |ids| pairs(ids).expect("it does not fail")))
    }

    fn one(&self, (scope, id): Place, fallible: bool, body: Body<'_>) -> Result<Item, Failure> {
        let load = || body(&[id]).map(|found| found.get(&id).copied());
        if fallible {
            return self.of(scope).entry(&id).or_try_load(load);
        }
        Ok(self.of(scope).get_or_load(&id, || load().expect("it does not fail")))
    }

    fn get(&self, (scope, id): Place) -> Option<Item> {
        self.of(scope).get(&id)
    }

    fn insert(&self, (scope, id): Place, value: Item) {
        self.of(scope).insert(id, value);
    }

    fn invalidate_key(&self, (scope, id): Place) -> bool {
        self.of(scope).invalidate_key(&id)
    }

    fn invalidate(&self, scope: Option<u8>, target: Target) {
        assert!(matches!(target, Target::All), "its entries have no tags");
        self.of(scope).invalidate_all();
    }

    fn purge(&self) {
        self.0.purge();
    }

    fn lens(&self) -> (usize, usize) {
        (self.0.len(), self.0.len_with_stale())
    }

    fn stats(&self) -> Stats {
        self.0.stats()
    }

    fn check_invariants(&self) {
        self.0.check_invariants();
    }
}

/// The caller determines what the methods do.
#[derive(HasCache)]
struct Repo<'a> {
    cache: Cache,
    body: Option<Body<'a>>,
}

impl Repo<'_> {
    #[cached_query(
        ttl = "3s",
        each = ids,
        tags("id:{id}"),
        refresh_ahead = "1s",
        stale_while_revalidate = "1s",
        stale_if_error = "4s",
        retry_after = "2s"
    )]
    fn items(&self, ids: &[u8]) -> Result<Vec<(u8, u64)>, Failure> {
        let body = self.body.expect("a mutation does not read");
        body(ids).map(Vec::from_iter)
    }

    #[invalidates(items(id))]
    fn write(&self, id: u8) {
        let _ = id;
    }

    #[invalidates("items")]
    fn write_all(&self) {}
}

pub(super) struct Annotated(Cache);

impl Annotated {
    pub(super) fn new(capacity: usize, clock: &ManualClock) -> Self {
        Self(Cache::builder().capacity(capacity).clock(clock.clone()).build())
    }

    fn of<'a>(&self, scope: Option<u8>, body: Option<Body<'a>>) -> Repo<'a> {
        let cache = scope.map_or_else(|| self.0.clone(), |scope| self.0.scope(scope_name(scope)));
        Repo { cache, body }
    }
}

impl Subject for Annotated {
    fn each(&self, scope: Option<u8>, ids: &[u8], _: bool, body: Body<'_>) -> Found {
        self.of(scope, Some(body)).items(ids)
    }

    /// Even ids by key, odd ones by tag.
    fn invalidate(&self, scope: Option<u8>, target: Target) {
        let repo = self.of(scope, None);
        match target {
            Target::All if scope.is_none() => repo.write_all(),
            Target::All => repo.cache.invalidate_all(),
            Target::Id(id) if id.is_multiple_of(2) => repo.write(id),
            Target::Id(id) => repo.cache.invalidate_tags([format!("id:{id}")]),
            Target::Place(_) => unreachable!("direct only"),
        }
    }

    fn purge(&self) {
        self.0.purge();
    }

    fn lens(&self) -> (usize, usize) {
        (self.0.len(), self.0.len_with_stale())
    }

    fn stats(&self) -> Stats {
        self.0.stats()
    }

    fn check_invariants(&self) {
        self.0.check_invariants();
    }
}
