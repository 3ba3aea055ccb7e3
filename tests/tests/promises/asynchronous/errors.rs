//! P7: an `Err` is returned to its caller and never stored.

use std::sync::atomic::{AtomicU32, Ordering};

use cache_core::{Cache, HasCache, TaggedCache, cached_query};

use super::mode::block_on;

/// Neither `Clone`, nor `Sync`, nor `PartialEq`.
#[derive(Debug)]
struct Failure(#[expect(dead_code, reason = "it makes the type not `Sync`")] std::cell::Cell<u32>);

type Fallible<T> = Result<T, Failure>;
type Answer = Fallible<Option<u32>>;

#[derive(HasCache, Default)]
struct Repo {
    calls: AtomicU32,
    cache: Cache,
}

impl Repo {
    fn call(&self) -> Result<u32, Failure> {
        match self.calls.fetch_add(1, Ordering::SeqCst) {
            call if call % 2 == 0 => Err(Failure(call.into())),
            call => Ok(call),
        }
    }

    #[cached_query(ttl = "5m")]
    async fn plain(&self) -> Result<u32, Failure> {
        self.call()
    }

    #[cached_query(ttl = "5m")]
    async fn alias_with_parameter(&self) -> Fallible<u32> {
        let value = self.call()?;
        Ok(value)
    }

    #[cached_query(ttl = "5m")]
    async fn alias(&self) -> Answer {
        self.call().map(Some)
    }

    #[cached_query(ttl = "5m")]
    async fn early_return(&self, fail_at: u32) -> Result<u32, String> {
        if self.calls.fetch_add(1, Ordering::SeqCst) < fail_at {
            return Err(format!("not before {fail_at}"));
        }
        Ok(fail_at)
    }

    /// Only the caller knows that `T` is a `Result`.
    #[cached_query(ttl = "5m")]
    async fn whatever<T: Clone + Send + Sync + 'static>(&self, of: fn(u32) -> T) -> T {
        of(self.calls.fetch_add(1, Ordering::SeqCst))
    }

    /// An `Option` is an ordinary value.
    #[cached_query(ttl = "5m")]
    async fn absent(&self) -> Option<u32> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        None
    }
}

async fn assert_only_success_is_cached<T: PartialEq + std::fmt::Debug>(
    query: impl AsyncFn(&Repo) -> Fallible<T>,
    success: &T,
) {
    let repo = Repo::default();
    assert!(query(&repo).await.is_err());
    assert_eq!(repo.cache.len(), 0);
    assert_eq!(&query(&repo).await.unwrap(), success);
    assert_eq!(&query(&repo).await.unwrap(), success, "the third call is a hit");
    let stats = repo.cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.loads, stats.load_errors), (1, 2, 2, 1));
}

#[test]
fn p7_an_error_is_not_cached() {
    block_on(async {
        assert_only_success_is_cached(Repo::plain, &1).await;
    });
}

#[test]
fn p7_an_alias_of_result_is_a_result() {
    block_on(async {
        assert_only_success_is_cached(Repo::alias_with_parameter, &1).await;
        assert_only_success_is_cached(Repo::alias, &Some(1)).await;
    });
}

#[test]
fn p7_an_early_return_of_an_error_is_not_cached() {
    block_on(async {
        let repo = Repo::default();
        assert_eq!(repo.early_return(2).await, Err("not before 2".into()));
        assert_eq!(repo.early_return(2).await, Err("not before 2".into()));
        assert_eq!((repo.early_return(2).await, repo.early_return(2).await), (Ok(2), Ok(2)));
        assert_eq!(repo.calls.load(Ordering::SeqCst), 3);
    });
}

#[test]
fn p7_an_error_in_a_generic_return_type_is_not_cached() {
    block_on(async {
        let repo = Repo::default();
        let fallible: fn(u32) -> Result<u32, String> = |call| if call == 0 { Err("no".into()) } else { Ok(call) };
        assert_eq!((repo.whatever(fallible).await, repo.whatever(fallible).await), (Err("no".into()), Ok(1)));
        let plain: fn(u32) -> u32 = |call| call;
        assert_eq!((repo.whatever(plain).await, repo.whatever(plain).await), (2, 2));
    });
}

#[test]
fn p7_none_is_a_value() {
    block_on(async {
        let repo = Repo::default();
        assert_eq!((repo.absent().await, repo.absent().await), (None, None));
        assert_eq!(repo.calls.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn p7_an_error_of_a_direct_load_is_not_cached_and_drops_the_dead_entry() {
    block_on(async {
        let cache: TaggedCache<u32, std::sync::Arc<u32>> = TaggedCache::new();
        let value = std::sync::Arc::new(1);
        cache.insert(1, value.clone());
        cache.invalidate_all();
        assert_eq!(cache.entry(&1).or_try_load_async(async || Err("down")).await, Err("down"));
        assert_eq!(std::sync::Arc::strong_count(&value), 1, "the dead entry was dropped");
        assert_eq!(cache.entry(&1).or_try_load_async(async || Ok::<_, ()>(value.clone())).await, Ok(value));
        cache.check_invariants();
    });
}

#[test]
fn p7_a_body_that_panics_stores_nothing_and_leaves_the_cache_usable() {
    block_on(async {
        let cache: TaggedCache<u32, u32> = TaggedCache::new();
        let panicked =
            std::panic::catch_unwind(|| block_on(cache.get_or_load_async(&1, async || panic!("in the body"))));
        assert!(panicked.is_err());
        assert_eq!((cache.len(), cache.stats().load_errors), (0, 1));
        assert_eq!(cache.get_or_load_async(&1, async || 5).await, 5);
        cache.check_invariants();
    });
}
