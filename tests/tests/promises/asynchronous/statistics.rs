//! The statistics and the listing by which the promises are observed.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use cache_core::{Cache, EntryOptions, HasCache, ManualClock, Tag, TaggedCache, cached_query, invalidates};

use super::mode::block_on;

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Secret(&'static str);

impl Repo {
    #[cached_query(ttl = "1m")]
    async fn get(&self, id: u32) -> Result<u32, String> {
        if id == 0 { Err("no such id".into()) } else { Ok(id) }
    }

    #[cached_query]
    async fn login(&self, user: &str, password: &Secret) -> bool {
        user.len() == password.0.len()
    }

    #[invalidates("get")]
    async fn change(&self) {}
}

#[test]
fn statistics_are_exact_per_query_and_in_total() {
    block_on(async {
        let clock = ManualClock::new();
        let repo = Repo { cache: Cache::builder().capacity(3).clock(clock.clone()).build() };
        for id in [0, 1, 1, 2, 0] {
            let _ = repo.get(id).await;
        }
        assert!(repo.login("a", &Secret("b")).await);
        repo.cache.invalidate_tags(["unknown"]);
        repo.change().await;
        repo.cache.invalidate(["get", "login"]);
        assert!(repo.login("a", &Secret("b")).await);
        clock.advance(Duration::from_secs(300));
        assert!(repo.login("a", &Secret("b")).await);

        let [get, login] = &repo.cache.query_stats()[..] else { panic!("two queries were used") };
        assert_eq!((get.query, get.hits, get.misses, get.loads, get.load_errors), ("get", 1, 4, 4, 2));
        // The last load freed one of its two dead entries, to make room. By then that one had also expired.
        assert_eq!((get.entries, get.invalidations, get.expirations, get.module), (0, 2, 1, module_path!()));
        assert_eq!(get.owner, std::any::type_name::<Repo>());
        assert_eq!(
            (login.query, login.hits, login.loads, login.invalidations, login.expirations),
            ("login", 0, 3, 1, 1)
        );
        assert!((get.hit_rate() - 0.2).abs() < 1e-9);

        let stats = repo.cache.stats();
        assert_eq!((stats.entries, stats.capacity, stats.hits, stats.misses, stats.loads), (1, 3, 1, 7, 7));
        assert_eq!((stats.load_errors, stats.invalidations, stats.expirations, stats.evictions), (2, 4, 2, 0));
        assert!((stats.hit_rate() - 0.125).abs() < 1e-9);
        assert_eq!(Cache::new().stats().hit_rate().to_bits(), 0_f64.to_bits());
    });
}

#[test]
fn statistics_print_as_a_readable_table() {
    block_on(async {
        let repo = Repo { cache: Cache::new() };
        repo.get(1).await.unwrap();
        repo.get(1).await.unwrap();
        let table = repo.cache.stats().to_string();
        let lines: Vec<_> = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "entries 1 of 10000",
                "hit rate 50.0 %",
                "hits 1",
                "misses 1",
                "loads 1",
                "load errors 0",
                "discarded loads 0",
                "evictions 0",
                "expirations 0",
                "invalidations 0",
            ]
        );
    });
}

#[test]
fn a_listing_shows_entries_with_their_arguments_and_tags() {
    block_on(async {
        let clock = ManualClock::new();
        let repo = Repo { cache: Cache::builder().clock(clock.clone()).build() };
        repo.get(7).await.unwrap();
        repo.get(7).await.unwrap();
        clock.advance(Duration::from_secs(20));
        repo.login("a", &Secret("hunter2")).await;

        let mut entries = repo.cache.entries();
        entries.sort_by_key(|entry| entry.query);
        let [get, login] = &entries[..] else { panic!("two entries are cached") };
        assert_eq!((get.query, get.arguments.as_str(), get.hits), ("get", "id = 7", 1));
        assert_eq!((get.module, get.owner), (module_path!(), std::any::type_name::<Repo>()));
        assert_eq!((get.age, get.expires_in), (Duration::from_secs(20), Duration::from_secs(40)));
        assert_eq!(login.arguments, "user = \"a\", password = _", "arguments without `Debug` are not shown");
        assert_eq!((login.expires_in, login.tags.len(), &login.scope), (Duration::from_secs(300), 0, &None));

        clock.advance(Duration::from_secs(40));
        assert_eq!(repo.cache.entries().len(), 1, "an expired entry is not listed");
    });
}

/// The statistics of the query are always exact.
#[test]
fn the_hits_of_an_entry_are_exact_up_to_32_and_then_an_estimate() {
    block_on(async {
        let repo = Repo { cache: Cache::new() };
        repo.get(7).await.unwrap();
        let hits = || repo.cache.entries()[0].hits;
        for hit in 0..32 {
            assert_eq!(hits(), hit);
            repo.get(7).await.unwrap();
        }
        assert_eq!(hits(), 32);
        for _ in 32..20_000 {
            repo.get(7).await.unwrap();
        }
        assert!((10_000..40_000).contains(&hits()), "{} hits", hits());
        assert_eq!((hits() - 32) % 64, 0, "each sample counts 64");
        assert_eq!(repo.cache.query_stats()[0].hits, 20_000);
    });
}

#[test]
fn tags_are_listed_and_compared_in_full() {
    let cache: TaggedCache<String, u32> = TaggedCache::new();
    cache.insert_with("x".into(), 1, EntryOptions::new().tags(["artist:2", "artist:2"]).tag(Tag::from("album:1")));
    cache.insert_with("y".into(), 2, EntryOptions::new().tag("artist:22"));
    cache.invalidate_tags(["artist:2"]);
    assert_eq!((cache.get("x"), cache.get("y")), (None, Some(2)));
    cache.invalidate_tags([String::from("artist:22"), String::new()]);
    assert!(cache.is_empty());
    assert_eq!(cache.stats().invalidations, 3);
}

#[test]
fn a_handle_prints_and_clones_as_the_same_cache() {
    let cache = Cache::builder().capacity(5).build();
    assert_eq!(
        format!("{cache:?}"),
        "Cache { scope: None, capacity: 5, loads_in_flight: Some(0), callers_waiting: Some(0), .. }"
    );
    let scoped = cache.scope("tenant:7");
    assert!(format!("{scoped:?}").starts_with("Cache { scope: Some(\"tenant:7\"), capacity: 5, "));
    block_on(Repo { cache: scoped.clone() }.get(1)).unwrap();
    assert_eq!((scoped.len(), cache.len(), cache.stats()), (1, 1, scoped.stats()));
}

/// Entries are counted shard by shard, while others are inserted and removed.
#[test]
fn p9_the_entry_count_of_a_query_does_not_exceed_its_capacity() {
    #[derive(HasCache)]
    struct Capped {
        cache: Cache,
    }
    impl Capped {
        #[cached_query(capacity = 8)]
        async fn get(&self, id: u32) -> u32 {
            id
        }
    }
    let repo = Capped { cache: Cache::new() };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (repo, done) = (&repo, &done);
            scope.spawn(move || {
                let ids = (0..64).cycle().take_while(|_| !done.load(SeqCst));
                ids.for_each(|id| _ = block_on(repo.get(id * 2 + writer)));
            });
        }
        let entries = || repo.cache.query_stats().first().map_or(0, |stats| stats.entries);
        while entries() < 8 {
            std::thread::yield_now();
        }
        let most = (0..3_000).map(|_| entries()).max();
        done.store(true, SeqCst);
        assert!(most <= Some(8), "{most:?} of 8");
    });
}
