//! P15: for every kind of function, as the outer and as the inner one.

use std::fmt::Display;
use std::marker::PhantomData;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

use super::mode::{block_on, boxed};

async fn assert_follows(read: impl AsyncFn() -> u32, write: impl AsyncFn()) {
    for _ in 0..2 {
        let before = read().await;
        assert_eq!(read().await, before);
        write().await;
        assert_eq!(read().await, before + 1, "a value from before the write was served");
    }
}

#[derive(HasCache, Default)]
struct Levels {
    row: AtomicU32,
    #[cache]
    cache: Cache,
}

impl Levels {
    #[cached_query]
    async fn lowest(&self) -> u32 {
        self.row.load(Ordering::SeqCst)
    }

    #[cached_query]
    async fn low(&self) -> u32 {
        self.lowest().await
    }

    #[cached_query]
    async fn high(&self) -> u32 {
        self.low().await
    }

    async fn plain(&self) -> u32 {
        self.high().await
    }

    #[cached_query]
    async fn highest(&self) -> u32 {
        self.plain().await
    }

    #[invalidates("lowest")]
    async fn write(&self) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }

    #[invalidates(lowest())]
    async fn write_by_key(&self) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }
}

/// A given number of lower levels are hits while the highest one loads.
#[test]
fn p15_four_levels_each_a_hit_or_a_miss() {
    block_on(async {
        for by_key in [false, true] {
            for warm in 0..4 {
                let levels = Levels::default();
                let read = async || {
                    match warm {
                        0 => {}
                        1 => _ = levels.lowest().await,
                        2 => _ = levels.low().await,
                        _ => _ = levels.high().await,
                    }
                    levels.highest().await
                };
                let write = async || if by_key { levels.write_by_key().await } else { levels.write().await };
                assert_follows(read, write).await;
                levels.cache.check_invariants();
            }
        }
    });
}

/// The entry of the lowest level was invalidated and loaded again after the middle one read it.
#[test]
fn p15_the_middle_level_outlives_the_entry_that_it_read() {
    block_on(async {
        let levels = Levels { row: AtomicU32::new(0), cache: Cache::builder().capacity(2).build() };
        levels.high().await; // the lowest one is evicted by those above it
        assert_eq!(levels.cache.len(), 2);
        levels.highest().await;
        levels.write().await;
        assert_eq!(levels.highest().await, 1);
        assert_eq!(levels.low().await, 1);
    });
}

#[derive(HasCache)]
struct Generic<T> {
    row: AtomicU32,
    #[cache]
    cache: Cache,
    of: PhantomData<T>,
}

impl<T: Default + Display + Send + Sync + 'static> Generic<T> {
    #[cached_query]
    async fn inner<U: Default + Display + Send + Sync + 'static>(&self) -> u32 {
        let _ = format!("{}{}", T::default(), U::default());
        self.row.load(Ordering::SeqCst)
    }

    #[cached_query]
    async fn outer<U: Default + Display + Send + Sync + 'static>(&self) -> u32 {
        self.inner::<U>().await
    }

    #[cached_query]
    async fn of_another(&self) -> u32 {
        self.outer::<i64>().await
    }

    #[invalidates("inner")]
    async fn write(&self) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn p15_through_generics() {
    block_on(async {
        let (row, cache) = (AtomicU32::new(0), Cache::new());
        let generic = Generic::<u8> { row, cache, of: PhantomData };
        assert_follows(async || generic.outer::<String>().await, async || generic.write().await).await;
        assert_follows(async || generic.of_another().await, async || generic.write().await).await;
    });
}

trait Rows {
    async fn row(&self, id: u32) -> u32;
    async fn doubled(&self, id: u32) -> u32;
    async fn raise(&self, id: u32);
}

#[derive(HasCache, Default)]
struct Table {
    row: AtomicU32,
    #[cache]
    cache: Cache,
}

#[cached_impl]
impl Rows for Table {
    #[cached_query]
    async fn row(&self, id: u32) -> u32 {
        id + self.row.load(Ordering::SeqCst)
    }

    #[cached_query]
    async fn doubled(&self, id: u32) -> u32 {
        self.row(id).await
    }

    #[invalidates(row(id))]
    async fn raise(&self, id: u32) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }
}

trait Provided: HasCache {
    fn number(&self) -> &AtomicU32;

    #[cached_query]
    async fn provided(&self) -> u32 {
        self.number().load(Ordering::SeqCst)
    }

    #[cached_query]
    async fn above_provided(&self) -> u32 {
        self.provided().await
    }

    #[invalidates("provided")]
    async fn change_provided(&self) {
        self.number().fetch_add(1, Ordering::SeqCst);
    }
}

impl Provided for Table {
    fn number(&self) -> &AtomicU32 {
        &self.row
    }
}

#[test]
fn p15_through_methods_of_traits() {
    block_on(async {
        let table = Table::default();
        assert_follows(async || table.doubled(1).await, async || table.raise(1).await).await;
        assert_follows(async || table.above_provided().await, async || table.change_provided().await).await;
    });
}

/// In its own module, so that the synchronous twin has its own rows.
mod free {
    use super::{AtomicU32, Cache, LazyLock, Ordering, cached_query, invalidates};

    static ROW: AtomicU32 = AtomicU32::new(0);
    static OWN: LazyLock<Cache> = LazyLock::new(Cache::new);

    #[cached_query]
    async fn in_the_global_cache() -> u32 {
        ROW.load(Ordering::SeqCst)
    }

    #[cached_query]
    pub(super) async fn above_in_the_global_cache() -> u32 {
        in_the_global_cache().await
    }

    #[cached_query(cache = &*OWN)]
    async fn in_its_own_cache() -> u32 {
        ROW.load(Ordering::SeqCst)
    }

    #[cached_query(cache = &*OWN)]
    pub(super) async fn above_in_its_own_cache() -> u32 {
        in_its_own_cache().await
    }

    #[cached_query]
    pub(super) async fn from_one_into_the_other() -> u32 {
        above_in_its_own_cache().await
    }

    #[invalidates("in_the_global_cache")]
    pub(super) async fn write_global() {
        ROW.fetch_add(1, Ordering::SeqCst);
    }

    #[invalidates(in_its_own_cache(), cache = &*OWN)]
    pub(super) async fn write_own() {
        ROW.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn p15_through_free_functions() {
    block_on(async {
        // One after the other: they share the row.
        assert_follows(free::above_in_the_global_cache, free::write_global).await;
        assert_follows(free::above_in_its_own_cache, free::write_own).await;
        assert_follows(free::from_one_into_the_other, free::write_own).await;
    });
}

/// Calls itself with other arguments, and so through many levels.
#[derive(HasCache, Default)]
struct Recursive {
    row: AtomicU32,
    rounds: AtomicU32,
    #[cache]
    cache: Cache,
}

impl Recursive {
    #[cached_query]
    async fn level(&self, n: u32) -> u32 {
        if n == 0 { self.row.load(Ordering::SeqCst) } else { boxed(self.level(n - 1)).await }
    }

    /// Calls itself with the same arguments: it computes, and does not wait.
    #[cached_query]
    async fn cycle(&self) -> u32 {
        if self.rounds.fetch_add(1, Ordering::SeqCst) % 2 == 1 {
            return self.level(0).await;
        }
        boxed(self.cycle()).await
    }

    #[invalidates(level(0))]
    async fn write(&self) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn p15_through_fifty_levels_of_one_query() {
    block_on(async {
        let recursive = Recursive::default();
        assert_follows(async || recursive.level(50).await, async || recursive.write().await).await;
        recursive.cache.check_invariants();
    });
}

#[test]
fn p15_through_a_query_that_calls_itself() {
    block_on(async {
        let recursive = Recursive::default();
        assert_follows(async || recursive.cycle().await, async || recursive.write().await).await;
        recursive.cache.check_invariants();
    });
}
