//! Cases in which caches in use today fail, one test for each.

use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use cache_core::{Cache, HasCache, ManualClock, cached_impl, cached_query, invalidates};
use cache_tests::watchdog;

use super::mode::{block_on, pause, run};
use crate::check::{invalidated, shown, shown_of};

#[derive(HasCache)]
struct Weighted {
    weight: u32,
    cache: Cache,
}

impl Weighted {
    #[cached_query]
    async fn calc(&self, n: u32) -> u32 {
        pause().await;
        self.weight * n
    }
}

#[test]
fn p10_two_instances_do_not_share_one_static_cache() {
    block_on(async {
        let (two, three) = (Weighted { weight: 2, cache: Cache::new() }, Weighted { weight: 3, cache: Cache::new() });
        assert_eq!((two.calc(5).await, three.calc(5).await, two.calc(5).await, three.calc(5).await), (10, 15, 10, 15));
        assert_eq!((two.cache.stats().hits, three.cache.stats().hits), (1, 1));
        two.cache.invalidate(["calc"]);
        assert_eq!((two.cache.len(), three.cache.len()), (0, 1));
    });
}

#[derive(HasCache)]
struct G<T> {
    #[cache]
    cache: Cache,
    of: PhantomData<T>,
}

impl<T: 'static> G<T> {
    fn new(cache: &Cache) -> Self {
        Self { cache: cache.clone(), of: PhantomData }
    }

    #[cached_query]
    async fn bits(&self, n: usize) -> usize {
        pause().await;
        size_of::<T>() * 8 * n
    }

    #[cached_query]
    async fn bits_of<U: 'static>(&self, n: usize) -> usize {
        pause().await;
        size_of::<U>() * 8 * n
    }
}

#[test]
fn p10_a_generic_type_does_not_get_the_value_of_another_instantiation() {
    block_on(async {
        let cache = Cache::new();
        let (small, large) = (G::<u8>::new(&cache), G::<u64>::new(&cache));
        assert_eq!(
            (small.bits(1).await, large.bits(1).await, small.bits(1).await, large.bits(1).await),
            (8, 64, 8, 64)
        );
    });
}

#[test]
fn p10_a_generic_function_does_not_get_the_value_of_another_instantiation() {
    block_on(async {
        let g = G::<()>::new(&Cache::new());
        assert_eq!(
            (g.bits_of::<u8>(1).await, g.bits_of::<u64>(1).await, g.bits_of::<u8>(1).await, g.bits_of::<u64>(1).await),
            (8, 64, 8, 64)
        );
        assert_eq!((g.cache.stats().loads, g.cache.stats().hits), (2, 2));
    });
}

mod aliased {
    pub(super) type R<T> = Result<T, String>;
    /// An alias with the name of another type, which is not `Result` by its name.
    pub(super) type Outcome = R<u32>;
}

#[derive(HasCache, Default)]
struct Flaky {
    calls: AtomicU32,
    #[cache]
    cache: Cache,
}

impl Flaky {
    fn call(&self) -> aliased::R<u32> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        if call == 0 { Err("down".into()) } else { Ok(call) }
    }

    #[cached_query]
    async fn aliased(&self, id: u32) -> aliased::R<u32> {
        pause().await;
        self.call().map(|call| call + id)
    }

    #[cached_query]
    async fn aliased_twice(&self, id: u32) -> aliased::Outcome {
        pause().await;
        Ok(self.call()? + id)
    }
}

#[test]
fn p7_an_err_behind_an_alias_is_not_cached() {
    let queries: [fn(&Flaky, u32) -> aliased::Outcome; 2] =
        [|flaky, id| run!(flaky.aliased(id).await), |flaky, id| run!(flaky.aliased_twice(id).await)];
    for query in queries {
        let flaky = Flaky::default();
        query(&flaky, 1).unwrap_err();
        assert!(flaky.cache.is_empty());
        assert_eq!((query(&flaky, 1), query(&flaky, 1), flaky.cache.len()), (Ok(2), Ok(2), 1));
    }
}

mod users {
    #[cache_core::cached_query]
    pub(super) async fn name_of_peer(id: u32) -> String {
        super::pause().await;
        format!("user {id}")
    }
}

mod groups {
    #[cache_core::cached_query]
    pub(super) async fn name_of_peer(id: u32) -> String {
        super::pause().await;
        format!("group {id}")
    }

    #[cache_core::invalidates("name_of_peer")]
    pub(super) async fn rename_all() {}
}

#[test]
fn p10_functions_of_equal_names_in_two_modules_do_not_share() {
    block_on(async {
        for _ in 0..2 {
            assert_eq!(
                (users::name_of_peer(1).await, groups::name_of_peer(1).await),
                ("user 1".into(), "group 1".into())
            );
        }
        groups::rename_all().await;
        let of = |module| shown_of(Cache::global(), &format!("{}::{module}", module_path!()));
        assert_eq!((of("users"), of("groups")), (vec!["name_of_peer(id = 1)".into()], vec![]));
    });
}

/// Its `Debug` output is always the same, as that of a secret should be.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Token(&'static str);

impl Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[derive(HasCache, Default)]
struct Accounts {
    cache: Cache,
}

impl Accounts {
    #[cached_query]
    async fn account(&self, token: &Token) -> String {
        pause().await;
        format!("account of {}", token.0)
    }

    #[invalidates(account(token))]
    async fn close(&self, token: &Token) {}

    #[cached_query]
    async fn owned(&self, name: String) -> usize {
        pause().await;
        name.len()
    }

    #[cached_query]
    async fn borrowed(&self, name: &str) -> usize {
        pause().await;
        name.len() + 1
    }

    #[cached_query]
    async fn path(&self, path: &Path, extension: &str) -> String {
        pause().await;
        path.join(extension).display().to_string()
    }
}

#[test]
fn p10_values_with_equal_debug_output_are_different_keys() {
    block_on(async {
        let accounts = Accounts::default();
        check!(
            &accounts.cache;
            accounts.account(&Token("a")).await => "account(token = Token(..))",
            accounts.account(&Token("b")).await => "account(token = Token(..))";
            one: accounts.close(&Token("a")).await;
            all: accounts.cache.invalidate(["account"])
        );
        assert_eq!(accounts.account(&Token("b")).await, "account of b");
    });
}

#[test]
fn p10_owned_and_borrowed_texts_are_equal_keys_of_one_query_only() {
    block_on(async {
        let accounts = Accounts::default();
        let text = String::from("abc");
        assert_eq!(
            (accounts.borrowed(&text).await, accounts.borrowed("abc").await, accounts.borrowed(&text[..]).await),
            (4, 4, 4)
        );
        assert_eq!((accounts.owned(text.clone()).await, accounts.owned("abc".into()).await), (3, 3));
        assert_eq!((accounts.cache.stats().loads, accounts.cache.stats().hits), (2, 3));
        assert_eq!(
            (accounts.path("a".as_ref(), "bc").await, accounts.path("ab".as_ref(), "c").await),
            ("a/bc".into(), "ab/c".into())
        );
    });
}

#[async_trait]
trait Prices {
    async fn price(&self, id: u32) -> u32;
    async fn reprice(&self, id: u32);
}

#[cached_impl]
#[async_trait]
impl Prices for Accounts {
    #[cached_query]
    async fn price(&self, id: u32) -> u32 {
        pause().await;
        id * 100
    }

    #[invalidates(price(id))]
    async fn reprice(&self, id: u32) {}
}

#[test]
fn a_query_in_a_trait_implementation_compiles_and_invalidates() {
    block_on(async {
        let accounts = Accounts::default();
        let prices: &dyn Prices = &accounts;
        check!(
            &accounts.cache;
            prices.price(1).await => "price(id = 1)", prices.price(2).await => "price(id = 2)";
            one: prices.reprice(1).await;
            all: accounts.cache.invalidate(["price"])
        );
    });
}

#[derive(HasCache, Default)]
struct Library {
    version: AtomicU32,
    #[cache]
    cache: Cache,
}

impl Library {
    #[cached_query(tags("artist:{artist}"))]
    async fn by_artist(&self, artist: u32) -> u32 {
        pause().await;
        artist + self.version.load(Ordering::SeqCst)
    }

    #[cached_query(tags("artist:{artist}", "year:{year}"))]
    async fn by_year(&self, artist: u32, year: u32) -> u32 {
        pause().await;
        artist + year
    }

    #[invalidates(tags("artist:{artist}"))]
    async fn change_artist(&self, artist: u32) {
        self.version.fetch_add(100, Ordering::SeqCst);
    }

    /// Writes in the middle, as another thread could.
    #[cached_query(skip(by), tags("artist:{artist}"))]
    async fn read_during_write(&self, artist: u32, by: fn(&Library, u32)) -> u32 {
        pause().await;
        let version = self.version.load(Ordering::SeqCst);
        if version == 0 {
            by(self, artist);
        }
        version
    }

    #[invalidates(read_during_write(artist, by))]
    async fn by_key(&self, artist: u32, by: fn(&Library, u32)) {
        self.version.fetch_add(100, Ordering::SeqCst);
    }
}

fn write_by_key(library: &Library, artist: u32) {
    run!(library.by_key(artist, write_by_key).await);
}

fn write_by_tag(library: &Library, artist: u32) {
    run!(library.change_artist(artist).await);
}

fn write_by_name(library: &Library, _: u32) {
    library.version.fetch_add(100, Ordering::SeqCst);
    library.cache.invalidate(["read_during_write"]);
}

#[test]
fn p2_a_tag_invalidates_only_its_own_entries() {
    block_on(async {
        let library = Library::default();
        for artist in [1, 11, 2] {
            library.by_artist(artist).await;
            library.by_year(artist, 1999).await;
        }
        let gone = invalidated(&library.cache, || run!(library.change_artist(1).await));
        assert_eq!(
            gone,
            ["by_artist(artist = 1) [artist:1]", "by_year(artist = 1, year = 1999) [artist:1, year:1999]"]
        );
    });
}

#[test]
fn p1_a_value_read_before_an_invalidation_is_not_stored_after_it() {
    block_on(async {
        for by in [write_by_key, write_by_name, write_by_tag] {
            let library = Library::default();
            assert_eq!(
                (
                    library.read_during_write(1, by).await,
                    library.read_during_write(1, by).await,
                    library.read_during_write(1, by).await
                ),
                (0, 100, 100)
            );
            assert_eq!((library.cache.stats().loads, library.cache.stats().discarded_loads), (2, 1));
        }
    });
}

#[test]
fn concurrent_invalidations_do_not_hang() {
    let library = Library::default();
    let cache = library.cache.clone();
    let _watch = watchdog::guard(Duration::from_secs(60), move || format!("{cache:?}\n{}", cache.stats()));
    thread::scope(|scope| {
        for thread in 0..4 {
            let library = &library;
            scope.spawn(move || {
                run!({
                    for round in 0..500 {
                        let artist = (round + thread) % 7;
                        library.by_artist(artist).await;
                        library.by_year(artist, round).await;
                        match (round + thread) % 4 {
                            0 => library.change_artist(artist).await,
                            1 => library.by_key(artist, write_by_name).await,
                            2 => library.cache.invalidate(["by_year", "by_artist"]),
                            _ => library.cache.invalidate_tags([format!("year:{round}"), format!("artist:{artist}")]),
                        }
                        library.read_during_write(artist, write_by_tag).await;
                    }
                });
            });
        }
    });
    library.cache.check_invariants();
    library.cache.invalidate_tags((0..7).map(|artist| format!("artist:{artist}")));
    assert_eq!(shown(&library.cache), [""; 0], "every entry has one of the tags");
}

impl Library {
    #[cached_query(ttl = "10s", tags("artist:{artist}"))]
    async fn for_ten_seconds(&self, artist: u32, clock: &Ticking) -> u32 {
        pause().await;
        clock.0.advance(Duration::from_secs(6));
        artist
    }
}

/// A clock as an argument whose key is always the same.
#[derive(Clone)]
struct Ticking(ManualClock);

impl PartialEq for Ticking {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Ticking {}

impl std::hash::Hash for Ticking {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

/// If the time to live counted from the end of the load, or from the last hit, stale values would be served longer.
#[test]
fn p8_the_time_to_live_counts_from_the_start_of_the_load() {
    block_on(async {
        let clock = ManualClock::new();
        let library = Library { cache: Cache::builder().clock(clock.clone()).build(), ..Library::default() };
        let ticking = Ticking(clock.clone());
        library.for_ten_seconds(1, &ticking).await;
        clock.advance(Duration::from_secs(3));
        library.for_ten_seconds(1, &ticking).await;
        assert_eq!(library.cache.stats().hits, 1, "nine seconds after it began");
        clock.advance(Duration::from_secs(1));
        library.for_ten_seconds(1, &ticking).await;
        assert_eq!(library.cache.stats().loads, 2);
    });
}
