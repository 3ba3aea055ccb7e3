//! P9: memory is bounded, and dead entries are removed before live ones are evicted.

use std::time::Duration;

use cache_core::{Cache, EntryOptions, HasCache, ManualClock, TaggedCache, cached_query, invalidates};

use super::mode::block_on;

#[test]
fn p9_there_are_never_more_entries_than_capacity() {
    block_on(async {
        for capacity in [0, 1, 2, 3, 7, 100] {
            let cache: TaggedCache<u32, u32> = TaggedCache::builder().capacity(capacity).build();
            for key in 0..300 {
                assert_eq!(cache.get_or_load_async(&key, async || key + 1).await, key + 1);
                assert_eq!(cache.len(), capacity.min(key as usize + 1));
                if capacity > 0 {
                    assert_eq!(cache.get(&key), Some(key + 1), "the newest entry is there");
                }
                cache.check_invariants();
            }
            let stats = cache.stats();
            assert_eq!(stats.entries, capacity);
            assert_eq!(stats.evictions, if capacity == 0 { 0 } else { 300 - capacity as u64 });
        }
    });
}

#[test]
fn p9_all_of_the_capacity_is_used_before_anything_is_evicted() {
    let cache: TaggedCache<u32, u32> = TaggedCache::builder().capacity(1000).build();
    for key in 0..1000 {
        cache.insert(key, key);
    }
    assert_eq!((cache.len(), cache.stats().evictions), (1000, 0));
}

#[test]
fn p9_loads_of_threads_stay_within_the_capacity() {
    // In one shard, and in several that are counted one after another.
    for capacity in [50, 1_000] {
        let cache: TaggedCache<u32, u32> = TaggedCache::builder().capacity(capacity).build();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let cache = &cache;
                scope.spawn(move || {
                    for key in 0..2_000 {
                        cache.insert(thread * 10_000 + key, key);
                        assert!(cache.len() <= capacity);
                    }
                });
            }
        });
        assert_eq!(cache.len(), capacity);
        cache.check_invariants();
    }
}

#[test]
fn p9_an_entry_that_is_expired_on_insertion_evicts_nothing() {
    block_on(async {
        let clock = ManualClock::new();
        let cache: TaggedCache<u32, u32> = TaggedCache::builder().capacity(2).clock(clock.clone()).build();
        cache.insert(1, 1);
        cache.insert(2, 2);
        let mortal = || EntryOptions::new().ttl(Duration::from_secs(1));
        let slow = cache
            .entry(&3)
            .with(mortal)
            .or_load_async(async || {
                clock.advance(Duration::from_secs(1));
                3
            })
            .await;
        cache.insert_with(4, 4, EntryOptions::new().ttl(Duration::ZERO));
        assert_eq!((slow, cache.get(&1), cache.get(&2), cache.len()), (3, Some(1), Some(2), 2));
    });
}

#[test]
fn p9_a_value_refused_for_its_tags_evicts_nothing() {
    block_on(async {
        let cache: TaggedCache<u32, u32> = TaggedCache::builder().capacity(1).build();
        cache.insert(0, 0);
        let body = async || {
            cache.invalidate_tags(["late"]);
            1
        };
        cache.entry(&1).tags_from(|_| ["late"]).or_load_async(body).await;
        assert_eq!(
            (cache.get(&0), cache.stats().discarded_loads),
            (Some(0), 1),
            "a live entry was evicted for a value that was refused"
        );
    });
}

/// New entries are read twice and then no more; cached ones are read all the time.
#[test]
fn p9_old_hits_do_not_keep_an_entry() {
    block_on(async {
        let cache: TaggedCache<u32, u32> = TaggedCache::builder().capacity(10).build();
        let visit = async |key| cache.get_or_load_async(&key, async || key).await;
        for round in 0..100 {
            for _ in 0..3 {
                for key in 0..7 {
                    visit(key).await;
                }
                visit(1_000 + round).await;
            }
        }
        let loads = cache.stats().loads;
        assert!(
            (107..120).contains(&loads),
            "{loads} loads of 107 keys: entries in use were evicted before unused ones"
        );
        cache.check_invariants();
    });
}

#[test]
fn p9_a_scan_does_not_evict_entries_in_use() {
    let cache: TaggedCache<u32, u32> = TaggedCache::builder().capacity(100).build();
    for key in 0..50 {
        cache.insert(key, key);
    }
    for _ in 0..3 {
        for key in 0..50 {
            assert_eq!(cache.get(&key), Some(key));
        }
    }
    for key in 1000..11_000 {
        cache.insert(key, key);
    }
    assert!((0..50).all(|key| cache.get(&key).is_some()), "a scan evicted entries in use");
}

/// Half of the entries of a full cache die, and as many are inserted: no live entry may be evicted.
fn assert_dead_go_first(kill: impl Fn(&TaggedCache<u32, u32>, &ManualClock)) {
    let clock = ManualClock::new();
    let cache: TaggedCache<u32, u32> = TaggedCache::builder().capacity(200).clock(clock.clone()).build();
    for key in 0..100 {
        cache.insert(key, key);
        let mortal = EntryOptions::new().tag("mortal").ttl(Duration::from_secs(10));
        cache.insert_with(100 + key, key, mortal);
    }
    kill(&cache, &clock);
    assert_eq!(cache.len(), 100);
    for key in 200..300 {
        cache.insert(key, key);
        cache.check_invariants();
    }
    assert!((0..100).chain(200..300).all(|key| cache.get(&key).is_some()), "a live entry was evicted");
    assert_eq!(cache.stats().evictions, 0);
}

#[test]
fn p9_invalidated_entries_are_removed_before_evictions() {
    assert_dead_go_first(|cache, _| cache.invalidate_tags(["mortal"]));
}

#[test]
fn p9_expired_entries_are_removed_before_evictions() {
    assert_dead_go_first(|_, clock| clock.advance(Duration::from_secs(10)));
}

/// Inserts do not search for dead entries while there are none. Each way to die must end that.
#[test]
fn p9_dead_entries_are_removed_before_evictions_after_long_times_without_any() {
    let clock = ManualClock::new();
    let cache: TaggedCache<u32, u32> = TaggedCache::builder().capacity(200).clock(clock.clone()).build();
    let mut last = 0;
    let mut insert = |how_many: u32| {
        for _ in 0..how_many {
            last += 1;
            cache.insert(last, last);
        }
        cache.check_invariants();
        last
    };
    insert(2_000);
    let mortal = |key| cache.insert_with(key, key, EntryOptions::new().tag("mortal").ttl(Duration::from_secs(10)));
    let expire = || clock.advance(Duration::from_secs(10));
    let invalidate = || cache.invalidate_tags(["mortal"]);
    let kills: [&dyn Fn(); 3] = [&expire, &invalidate, &invalidate];
    for kill in kills {
        let newest = insert(0);
        // Replacing others.
        let replaced: Vec<u32> = (1..=newest).filter(|key| cache.get(key).is_some()).step_by(2).take(90).collect();
        for key in replaced {
            mortal(key);
        }
        // A sweep may be in progress.
        insert(3);
        kill();
        let evictions = cache.stats().evictions;
        let dead = u32::try_from(200 - cache.len()).expect("a few");
        assert!(dead > 50, "{dead} of 90 are dead");
        insert(dead);
        assert_eq!((cache.len(), cache.stats().evictions), (200, evictions), "a live entry was evicted");
        insert(1_000);
    }
}

/// Two queries with the same ids, as a track and its album: their keys are different.
#[test]
fn p9_a_scan_of_one_query_does_not_help_that_of_another() {
    block_on(async {
        let repo = Repo { cache: Cache::builder().capacity(100).build() };
        for _ in 0..4 {
            for n in 0..50 {
                repo.hot(n).await;
            }
        }
        for n in 1_000..6_000 {
            repo.first(n).await;
            // The first query's entry for this id was evicted recently.
            repo.other(n - 40).await;
        }
        let before = repo.cache.stats().hits;
        for n in 0..50 {
            repo.hot(n).await;
        }
        assert_eq!(repo.cache.stats().hits - before, 50, "scans evicted entries in use");
    });
}

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query]
    async fn first(&self, n: u32) -> u32 {
        n
    }

    #[cached_query]
    async fn other(&self, n: u32) -> u32 {
        n
    }

    #[cached_query]
    async fn hot(&self, n: u32) -> u32 {
        n
    }

    #[cached_query]
    async fn second(&self, n: &str) -> String {
        n.to_owned()
    }

    #[invalidates("first")]
    async fn invalidate_first(&self) {}
}

#[test]
fn p9_all_queries_share_one_capacity() {
    block_on(async {
        let repo = Repo { cache: Cache::builder().capacity(10).build() };
        for n in 0..50 {
            repo.first(n).await;
            repo.second(&n.to_string()).await;
            assert!(repo.cache.len() <= 10);
            repo.cache.check_invariants();
        }
        assert_eq!(repo.cache.len(), 10);
        let of_first = repo.cache.query_stats()[0].entries;
        assert!((1..10).contains(&of_first), "the query that inserts must evict the entries of the other: {of_first}");

        // Entries of one query leave capacity for the other.
        repo.cache.invalidate_all();
        for n in 0..5 {
            repo.first(n).await;
        }
        repo.invalidate_first().await;
        let evictions = repo.cache.stats().evictions;
        for n in 0..10 {
            repo.second(&n.to_string()).await;
        }
        assert_eq!((repo.cache.len(), repo.cache.stats().evictions), (10, evictions));
    });
}

/// Entries move when their shard shrinks; each must be found, and evicted, in its new place.
#[test]
fn p9_queries_that_fill_the_cache_in_turn_leave_it_consistent() {
    block_on(async {
        let repo = Repo { cache: Cache::builder().capacity(3_000).build() };
        for round in 0..3 {
            let ids = round * 10_000..round * 10_000 + 6_000;
            for id in ids.clone() {
                repo.first(id).await;
            }
            repo.cache.check_invariants();
            for id in ids {
                repo.other(id).await;
            }
            repo.cache.check_invariants();
            assert_eq!(repo.cache.len(), 3_000);
        }
        repo.invalidate_first().await;
        repo.cache.purge();
        repo.cache.check_invariants();
        repo.cache.invalidate_all();
        repo.cache.purge();
        repo.cache.check_invariants();
        repo.first(1).await;
        assert_eq!(repo.cache.len(), 1);
    });
}

#[test]
fn p9_with_no_capacity_every_call_loads_and_nothing_is_cloned() {
    block_on(async {
        let repo = Repo { cache: Cache::builder().capacity(0).build() };
        assert_eq!((repo.first(1).await, repo.first(1).await), (1, 1));
        let stats = repo.cache.stats();
        assert_eq!((stats.hits, stats.loads, stats.entries, stats.discarded_loads), (0, 2, 0, 0));
    });
}

#[test]
fn p9_purge_frees_exactly_the_dead_entries() {
    let clock = ManualClock::new();
    let cache: TaggedCache<u32, std::sync::Arc<u32>> = TaggedCache::builder().clock(clock.clone()).build();
    let value = std::sync::Arc::new(0);
    for key in 0..10 {
        let short = EntryOptions::new().ttl(Duration::from_secs(1));
        let tagged = EntryOptions::new().tag("mortal");
        cache.insert_with(key, value.clone(), short);
        cache.insert_with(100 + key, value.clone(), tagged);
        cache.insert(200 + key, value.clone());
    }
    cache.invalidate_tags(["mortal"]);
    clock.advance(Duration::from_secs(1));
    assert_eq!((cache.len(), std::sync::Arc::strong_count(&value)), (10, 31));
    cache.purge();
    assert_eq!((cache.len(), std::sync::Arc::strong_count(&value)), (10, 11));
    assert_eq!(cache.stats().expirations, 10);
    cache.check_invariants();

    assert!(cache.get(&0).is_none());
    cache.insert_with(0, value.clone(), EntryOptions::new().ttl(Duration::from_secs(1)));
    clock.advance(Duration::from_secs(1));
    assert!(!cache.invalidate_key(&0), "it is dead");
    assert_eq!(cache.stats().expirations, 11, "a dead entry that is removed by its key counts as expired");
    drop(cache);
    assert_eq!(std::sync::Arc::strong_count(&value), 1, "the last handle frees all");
}

#[derive(HasCache)]
struct Capped {
    cache: Cache,
}

impl Capped {
    const FEW: usize = 3;

    #[cached_query(capacity = 3)]
    async fn few(&self, n: u32) -> u32 {
        n
    }

    #[cached_query(capacity = LIMIT - 1, ttl = "10s")]
    async fn some<T: Into<u64> + Copy + std::hash::Hash + Eq + Send + Sync + 'static>(&self, n: T) -> u64 {
        n.into()
    }

    #[cached_query(capacity = 0)]
    async fn none(&self, n: u32) -> u32 {
        n
    }

    #[cached_query]
    async fn many(&self, n: u32) -> u32 {
        n
    }

    #[invalidates("few")]
    async fn invalidate_few(&self) {}

    fn entries_of(&self, query: &str) -> usize {
        self.cache.query_stats().iter().filter(|stats| stats.query == query).map(|stats| stats.entries).sum()
    }
}

const LIMIT: usize = 6;

#[test]
fn p9_a_query_keeps_within_its_own_capacity() {
    block_on(async {
        let repo = Capped { cache: Cache::builder().capacity(100).build() };
        let tenant = Capped { cache: repo.cache.scope("tenant") };
        for n in 0..20 {
            repo.few(n).await;
            tenant.few(n).await;
            repo.some(n).await;
            repo.some(u64::from(n)).await;
            repo.none(n).await;
            repo.many(n).await;
            assert!(repo.entries_of("few") <= Capped::FEW, "in all scopes together");
            assert!(repo.entries_of("some") < LIMIT, "in all instantiations together");
            repo.cache.check_invariants();
        }
        assert_eq!(["few", "some", "none", "many"].map(|query| repo.entries_of(query)), [3, 5, 0, 20]);
        let stats = repo.cache.stats();
        assert_eq!((stats.entries, stats.evictions, stats.discarded_loads), (28, 37 + 35, 0));
    });
}

#[test]
fn p9_a_query_with_a_capacity_keeps_entries_in_use() {
    block_on(async {
        let repo = Capped { cache: Cache::builder().capacity(100).build() };
        for _ in 0..3 {
            repo.few(1).await;
        }
        for n in 100..200 {
            repo.few(n).await;
        }
        let hits = repo.cache.stats().hits;
        repo.few(1).await;
        assert_eq!(repo.cache.stats().hits, hits + 1, "a scan evicted entries in use");
    });
}

#[test]
fn p9_dead_entries_of_a_query_with_a_capacity_are_removed_first() {
    block_on(async {
        let repo = Capped { cache: Cache::builder().capacity(100).build() };
        for n in 0..2 {
            repo.few(n).await;
        }
        repo.invalidate_few().await;
        for n in 2..5 {
            repo.few(n).await;
        }
        assert_eq!((repo.entries_of("few"), repo.cache.stats().evictions), (3, 0));
    });
}

/// The cache is full before the query is: entries of a query with a capacity are evicted like all others.
#[test]
fn p9_the_capacity_of_the_cache_holds_for_queries_with_their_own() {
    block_on(async {
        let repo = Capped { cache: Cache::builder().capacity(4).build() };
        for n in 0..50 {
            repo.few(n).await;
            repo.some(n).await;
            repo.many(n).await;
            assert!(repo.cache.len() <= 4);
            repo.cache.check_invariants();
        }
        assert_eq!(repo.cache.len(), 4);
        for n in 100..200 {
            repo.many(n).await;
            repo.many(n).await;
        }
        repo.cache.check_invariants();
        assert_eq!((repo.entries_of("few"), repo.entries_of("some")), (0, 0), "they were not used");
        repo.cache.purge();
        repo.cache.invalidate_all();
        repo.cache.purge();
        repo.cache.check_invariants();
        repo.few(1).await;
        assert_eq!(repo.cache.len(), 1);
    });
}

/// Entries move when their shard shrinks: under both eviction policies.
#[test]
fn p9_a_query_with_a_capacity_survives_the_compaction_of_its_shards() {
    block_on(async {
        #[derive(HasCache)]
        struct Large {
            cache: Cache,
        }
        impl Large {
            #[cached_query(capacity = 2_000)]
            async fn own(&self, n: u32) -> u32 {
                n
            }
            #[cached_query]
            async fn other(&self, n: u32) -> u32 {
                n
            }
        }
        let repo = Large { cache: Cache::builder().capacity(2_500).build() };
        for round in 0..3 {
            for n in 0..5_000 {
                repo.own(round * 10_000 + n).await;
            }
            repo.cache.check_invariants();
            for n in 0..8_000 {
                repo.other(round * 10_000 + n).await;
            }
            repo.cache.check_invariants();
            assert_eq!(repo.cache.len(), 2_500);
        }
    });
}
