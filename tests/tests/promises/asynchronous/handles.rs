//! Handles that pass by the cache, or load anew.

use std::sync::atomic::{AtomicU32, Ordering};

use cache_core::{Cache, HasCache, cached_query, invalidates};

use super::mode::{block_on, boxed};

#[derive(HasCache, Default)]
struct Repo<'a> {
    cache: Cache,
    loads: Option<&'a AtomicU32>,
}

impl<'a> Repo<'a> {
    fn on(cache: &Cache, loads: &'a AtomicU32) -> Self {
        Self { cache: cache.clone(), loads: Some(loads) }
    }

    /// A new number for each load.
    #[cached_query(tags("numbers"))]
    async fn number(&self, key: u32) -> u32 {
        let _ = key;
        self.loads.map_or(0, |loads| loads.fetch_add(1, Ordering::SeqCst))
    }

    #[cached_query]
    async fn doubled(&self) -> u32 {
        2 * self.number(1).await
    }

    #[cached_query(skip(other))]
    async fn asks(&self, other: &Repo<'_>) -> u32 {
        boxed(other.number(1)).await
    }

    #[cached_query(cache_if = |number| *number < 2)]
    async fn small(&self) -> u32 {
        self.loads.map_or(0, |loads| loads.fetch_add(1, Ordering::SeqCst))
    }

    #[cached_query]
    async fn fails_later(&self) -> Result<u32, String> {
        let number = self.loads.map_or(0, |loads| loads.fetch_add(1, Ordering::SeqCst));
        if number == 0 { Ok(number) } else { Err("no".into()) }
    }

    #[invalidates(number(1))]
    async fn write(&self) {}
}

#[test]
fn a_bypassing_handle_loads_each_time_and_stores_nothing() {
    let (cache, loads) = (Cache::new(), AtomicU32::new(0));
    let (repo, exact) = (Repo::on(&cache, &loads), Repo::on(&cache.bypass(), &loads));
    assert_eq!(block_on(repo.number(1)), 0);
    assert_eq!((block_on(exact.number(1)), block_on(exact.number(1)), block_on(exact.doubled())), (1, 2, 6));
    assert_eq!((block_on(repo.number(1)), cache.len()), (0, 1));
    assert_eq!((cache.stats().hits, cache.stats().misses), (1, 5));
    block_on(exact.write());
    assert_eq!(block_on(repo.number(1)), 4, "its mutations invalidate as ever");
}

#[test]
fn p15_what_was_made_through_a_bypassing_handle_is_forgotten_with_what_it_read() {
    let invalidations: [fn(&Cache); 4] = [
        |cache| block_on(Repo::on(cache, &AtomicU32::new(0)).write()),
        |cache| cache.invalidate(["number"]),
        |cache| cache.invalidate_tags(["numbers"]),
        Cache::invalidate_all,
    ];
    for invalidate in invalidations {
        let (cache, loads) = (Cache::new(), AtomicU32::new(0));
        let (repo, exact) = (Repo::on(&cache, &loads), Repo::on(&cache.bypass(), &loads));
        assert_eq!((block_on(repo.asks(&exact)), block_on(repo.asks(&exact))), (0, 0), "it is stored");
        invalidate(&cache);
        assert_eq!(block_on(repo.asks(&exact)), 1);
    }
}

#[test]
fn a_refreshing_handle_loads_each_time_and_stores() {
    let (cache, loads) = (Cache::new(), AtomicU32::new(0));
    let (repo, anew) = (Repo::on(&cache, &loads), Repo::on(&cache.refresh(), &loads));
    assert_eq!((block_on(anew.number(1)), block_on(anew.number(1)), block_on(repo.number(1))), (0, 1, 1));
    assert_eq!((block_on(anew.doubled()), block_on(repo.doubled()), block_on(repo.number(1))), (4, 4, 2));
    assert_eq!(cache.len(), 2);
    cache.check_invariants();
}

#[test]
fn p15_a_refreshed_answer_does_not_forget_what_was_made_from_the_last() {
    let (cache, loads) = (Cache::new(), AtomicU32::new(0));
    let (repo, anew) = (Repo::on(&cache, &loads), Repo::on(&cache.refresh(), &loads));
    assert_eq!((block_on(repo.doubled()), block_on(anew.number(1))), (0, 1));
    assert_eq!(block_on(repo.doubled()), 0, "both were right when they were loaded");
    block_on(repo.write());
    assert_eq!(block_on(repo.doubled()), 4);
}

#[test]
fn a_refreshed_value_that_is_not_to_be_stored_removes_the_entry() {
    let (cache, loads) = (Cache::new(), AtomicU32::new(0));
    let (repo, anew) = (Repo::on(&cache, &loads), Repo::on(&cache.refresh(), &loads));
    assert_eq!((block_on(repo.small()), block_on(anew.small()), cache.len()), (0, 1, 1));
    assert_eq!((block_on(anew.small()), cache.len()), (2, 0));
}

#[test]
fn p7_a_refresh_that_fails_leaves_the_entry() {
    let (cache, loads) = (Cache::new(), AtomicU32::new(0));
    let (repo, anew) = (Repo::on(&cache, &loads), Repo::on(&cache.refresh(), &loads));
    assert_eq!(block_on(repo.fails_later()), Ok(0));
    assert_eq!(block_on(anew.fails_later()), Err("no".into()));
    assert_eq!(block_on(repo.fails_later()), Ok(0));
}

#[test]
fn handles_keep_their_scope_and_the_last_mode_counts() {
    let (cache, loads) = (Cache::new(), AtomicU32::new(0));
    let tenant = cache.scope("1");
    block_on(Repo::on(&tenant.refresh(), &loads).number(1));
    assert_eq!((tenant.len(), cache.scope("2").len()), (1, 0));
    block_on(Repo::on(&tenant.bypass().refresh(), &loads).number(2));
    assert_eq!(tenant.len(), 2);
    block_on(Repo::on(&tenant.refresh().bypass(), &loads).number(3));
    block_on(Repo::on(&cache.bypass().scope("1"), &loads).number(4));
    assert_eq!(cache.len(), 2);
    cache.bypass().scope("1").invalidate_all();
    assert!(cache.is_empty());
}

#[test]
fn p9_at_capacity_0_every_handle_loads() {
    let (cache, loads) = (Cache::builder().capacity(0).build(), AtomicU32::new(0));
    for handle in [cache.refresh(), cache.bypass(), cache.transaction().cache()] {
        block_on(Repo::on(&handle, &loads).number(1));
    }
    assert_eq!((loads.load(Ordering::SeqCst), cache.len()), (3, 0));
}
