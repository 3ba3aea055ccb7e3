//! Loads in the background. The runtime is driven by the test: no test sleeps.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cache_core::{Cache, HasCache, ManualClock, Runtime, Task, ThreadPool, cached_query, invalidates};
use futures_lite::future::{block_on, yield_now};

const SECOND: Duration = Duration::from_secs(1);

/// Holds what is spawned until the test runs it, and time until the test says that it has passed.
#[derive(Clone, Default)]
struct ByHand(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    tasks: VecDeque<Task>,
    sleeps: Vec<(Duration, Arc<AtomicBool>)>,
}

impl Runtime for ByHand {
    fn spawn(&self, task: Task) {
        self.0.lock().unwrap().tasks.push_back(task);
    }

    fn sleep(&self, duration: Duration) -> Task {
        let is_over = Arc::new(AtomicBool::new(false));
        self.0.lock().unwrap().sleeps.push((duration, is_over.clone()));
        Box::pin(async move {
            while !is_over.load(Ordering::SeqCst) {
                yield_now().await;
            }
        })
    }
}

impl ByHand {
    fn held(&self) -> usize {
        self.0.lock().unwrap().tasks.len()
    }

    /// Polls each task once. Returns how many have ended.
    fn run(&self) -> usize {
        let tasks = std::mem::take(&mut self.0.lock().unwrap().tasks);
        let mut ended = 0;
        for mut task in tasks {
            match task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(()) => ended += 1,
                Poll::Pending => self.0.lock().unwrap().tasks.push_back(task),
            }
        }
        ended
    }

    fn wake_sleepers(&self) {
        for (_, is_over) in &self.0.lock().unwrap().sleeps {
            is_over.store(true, Ordering::SeqCst);
        }
    }

    fn sleeps(&self) -> Vec<Duration> {
        self.0.lock().unwrap().sleeps.iter().map(|(duration, _)| *duration).collect()
    }
}

#[derive(HasCache)]
struct Repo {
    number: AtomicU32,
    is_down: AtomicBool,
    is_blocked: AtomicBool,
    bodies: AtomicU32,
    cache: Cache,
}

struct Down;

impl Repo {
    #[cached_query(ttl = "10s", refresh_ahead = "2s", stale_while_revalidate = "3s", background)]
    async fn refreshed(self: Arc<Self>, key: u32) -> Result<u32, Down> {
        let _ = key;
        self.load().await
    }

    #[cached_query(ttl = "10s", refresh_ahead = "2s", stale_while_revalidate = "3s", background)]
    fn refreshed_sync(self: Arc<Self>) -> Result<u32, Down> {
        block_on(self.load())
    }

    #[cached_query(ttl = "10s", stale_if_error = "1m", soft_timeout = "200ms", background)]
    async fn soon(self: Arc<Self>) -> Result<u32, Down> {
        self.load().await
    }

    #[cached_query(ttl = "1h")]
    async fn outer(self: Arc<Self>) -> Result<u32, Down> {
        Ok(10 * self.refreshed(1).await?)
    }

    #[invalidates("refreshed", "refreshed_sync", "soon")]
    fn forget(&self) {}

    #[invalidates(soon())]
    fn forget_key(&self) {}

    async fn load(&self) -> Result<u32, Down> {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        let number = self.number.load(Ordering::SeqCst);
        while self.is_blocked.load(Ordering::SeqCst) {
            yield_now().await;
        }
        assert!(number < 100, "a body panics");
        if self.is_down.load(Ordering::SeqCst) { Err(Down) } else { Ok(number) }
    }
}

struct Fixture {
    repo: Arc<Repo>,
    runtime: ByHand,
    clock: ManualClock,
}

impl Fixture {
    fn new() -> Self {
        let (runtime, clock) = (ByHand::default(), ManualClock::new());
        let cache = Cache::builder().clock(clock.clone()).runtime(runtime.clone()).build();
        let (number, bodies) = (AtomicU32::new(1), AtomicU32::new(0));
        let (is_down, is_blocked) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { repo: Arc::new(Repo { number, is_down, is_blocked, bodies, cache }), runtime, clock }
    }

    /// Each query has a value that is so old.
    fn of_age(age: u32) -> Self {
        let this = Self::new();
        assert_eq!([this.ask(), this.ask_sync(), this.ask_soon()], [Ok(1); 3]);
        assert_eq!(this.runtime.held(), 0, "without a value the caller loads");
        this.repo.bodies.store(0, Ordering::SeqCst);
        this.clock.advance(age * SECOND);
        this
    }

    fn ask(&self) -> Result<u32, ()> {
        block_on(self.repo.clone().refreshed(1)).map_err(|Down| ())
    }

    fn ask_sync(&self) -> Result<u32, ()> {
        self.repo.clone().refreshed_sync().map_err(|Down| ())
    }

    fn ask_soon(&self) -> Result<u32, ()> {
        block_on(self.repo.clone().soon()).map_err(|Down| ())
    }

    fn set(&self, number: u32) {
        self.repo.number.store(number, Ordering::SeqCst);
    }

    fn set_down(&self, is_down: bool) {
        self.repo.is_down.store(is_down, Ordering::SeqCst);
    }

    fn block(&self, is_blocked: bool) {
        self.repo.is_blocked.store(is_blocked, Ordering::SeqCst);
    }

    fn bodies(&self) -> u32 {
        self.repo.bodies.swap(0, Ordering::SeqCst)
    }
}

#[test]
fn p18_no_caller_waits_for_a_load_in_the_background() {
    for age in [8, 12] {
        for ask in [Fixture::ask, Fixture::ask_sync] {
            let fixture = Fixture::of_age(age);
            fixture.set(2);
            assert_eq!([ask(&fixture), ask(&fixture), ask(&fixture)], [Ok(1); 3]);
            assert_eq!((fixture.runtime.held(), fixture.bodies()), (1, 0));
            assert_eq!((fixture.runtime.run(), fixture.bodies()), (1, 1));
            assert_eq!([ask(&fixture), ask(&fixture)], [Ok(2); 2]);
            let stats = fixture.repo.cache.stats();
            assert_eq!((stats.refreshes, stats.stale_hits), (1, if age < 10 { 0 } else { 3 }));
            assert_eq!(fixture.runtime.held(), 0);
        }
    }
}

#[test]
fn p18_a_load_in_the_background_that_fails_is_not_tried_again_at_once() {
    for ask in [Fixture::ask, Fixture::ask_sync] {
        let fixture = Fixture::of_age(9);
        fixture.set_down(true);
        assert_eq!(ask(&fixture), Ok(1));
        fixture.runtime.run();
        assert_eq!((ask(&fixture), fixture.runtime.held()), (Ok(1), 0));
        fixture.clock.advance(SECOND);
        assert_eq!((ask(&fixture), fixture.runtime.held()), (Ok(1), 1));
        let stats = fixture.repo.cache.stats();
        assert_eq!((stats.load_errors, stats.stale_hits), (1, 1), "only the last answer had expired");
    }
}

#[test]
fn p1_a_load_in_the_background_does_not_overwrite_an_invalidation() {
    for ask in [Fixture::ask, Fixture::ask_sync] {
        let fixture = Fixture::of_age(9);
        assert_eq!(ask(&fixture), Ok(1));
        // It has begun: a write fences it, whether its body has run or not.
        fixture.set(2);
        fixture.repo.forget();
        fixture.set(3);
        assert_eq!(ask(&fixture), Ok(3), "it does not wait for the load before the write");
        fixture.set(4);
        fixture.runtime.run();
        assert_eq!(ask(&fixture), Ok(3), "the last begun is kept");
    }
}

#[test]
fn p18_an_invalidated_value_is_not_served_while_a_load_runs() {
    let fixture = Fixture::of_age(9);
    fixture.block(true);
    assert_eq!(fixture.ask(), Ok(1));
    fixture.runtime.run();
    fixture.repo.forget();
    fixture.block(false);
    fixture.set(2);
    assert_eq!((fixture.ask(), fixture.bodies()), (Ok(2), 2));
}

#[test]
fn p5_a_load_that_its_runtime_drops_is_left_to_the_next_caller() {
    let fixture = Fixture::of_age(9);
    fixture.set(2);
    assert_eq!(fixture.ask(), Ok(1));
    fixture.runtime.0.lock().unwrap().tasks.clear();
    assert_eq!((fixture.ask(), fixture.runtime.held()), (Ok(1), 1), "it is begun again");
    fixture.runtime.run();
    assert_eq!(fixture.ask(), Ok(2));
    assert_eq!(fixture.repo.cache.stats().load_errors, 1);
}

#[test]
fn p5_a_panic_in_the_background_reaches_no_caller() {
    let fixture = Fixture::of_age(9);
    fixture.set(100);
    assert_eq!(fixture.ask(), Ok(1));
    assert!(catch_unwind(AssertUnwindSafe(|| fixture.runtime.run())).is_err());
    fixture.set(2);
    assert_eq!((fixture.ask(), fixture.runtime.held()), (Ok(1), 0), "as after an error");
    fixture.clock.advance(SECOND);
    assert_eq!((fixture.ask(), fixture.runtime.held()), (Ok(1), 1));
    fixture.runtime.run();
    assert_eq!(fixture.ask(), Ok(2));
}

/// Without a runtime nothing is spawned, and the caller that loads waits.
#[test]
fn p18_without_a_runtime_the_caller_loads() {
    let fixture = Fixture::new();
    let clock = ManualClock::new();
    let cache = Cache::builder().clock(clock.clone()).build();
    let repo = Repo {
        number: AtomicU32::new(1),
        is_down: AtomicBool::new(false),
        is_blocked: AtomicBool::new(false),
        bodies: AtomicU32::new(0),
        cache,
    };
    let fixture = Fixture { repo: Arc::new(repo), clock, ..fixture };
    assert_eq!([fixture.ask(), fixture.ask_sync(), fixture.ask_soon()], [Ok(1); 3]);
    fixture.clock.advance(9 * SECOND);
    fixture.set(2);
    assert_eq!([fixture.ask(), fixture.ask_sync()], [Ok(2); 2]);
    fixture.clock.advance(3 * SECOND);
    assert_eq!(fixture.ask_soon(), Ok(2));
    fixture.clock.advance(11 * SECOND);
    fixture.set_down(true);
    assert_eq!(fixture.ask_soon(), Ok(2), "and is served the stale value if its load fails");
}

#[test]
fn p17_in_a_transaction_the_caller_loads() {
    let fixture = Fixture::of_age(9);
    fixture.set(2);
    let transaction = fixture.repo.cache.transaction();
    let inside = Repo {
        number: AtomicU32::new(2),
        is_down: AtomicBool::new(false),
        is_blocked: AtomicBool::new(false),
        bodies: AtomicU32::new(0),
        cache: transaction.cache(),
    };
    assert!(block_on(Arc::new(inside).refreshed(1)).is_ok_and(|number| number == 2));
    assert_eq!(fixture.runtime.held(), 0);
    transaction.rollback();
    assert_eq!((fixture.ask(), fixture.runtime.held()), (Ok(1), 1));
}

#[test]
fn p15_a_load_in_the_background_is_no_part_of_the_load_around_its_caller() {
    let fixture = Fixture::of_age(9);
    fixture.set(2);
    let ask = || block_on(fixture.repo.clone().outer()).map_err(|Down| ());
    assert_eq!(ask(), Ok(10));
    assert_eq!(fixture.repo.cache.len(), 4, "made from a value that has not expired, it is stored");
    fixture.runtime.run();
    assert_eq!(ask(), Ok(10));
    fixture.clock.advance(SECOND);
    assert_eq!(ask(), Ok(20), "it expires with what it was made from");
}

fn begin<T>(future: impl Future<Output = T> + Send + 'static) -> std::pin::Pin<Box<dyn Future<Output = T> + Send>> {
    Box::pin(future)
}

fn poll<T>(future: &mut std::pin::Pin<Box<dyn Future<Output = T> + Send>>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn p18_a_caller_with_a_stale_value_waits_only_until_the_soft_timeout() {
    let fixture = Fixture::of_age(11);
    fixture.set(2);
    fixture.block(true);
    let ask = || begin(fixture.repo.clone().soon());
    let (mut leader, mut follower) = (ask(), ask());
    assert!(poll(&mut leader).is_pending() && poll(&mut follower).is_pending());
    assert_eq!(fixture.runtime.sleeps(), [Duration::from_millis(200); 2]);
    fixture.runtime.run();
    assert!(poll(&mut leader).is_pending() && poll(&mut follower).is_pending());
    fixture.runtime.wake_sleepers();
    for caller in [&mut leader, &mut follower] {
        assert!(matches!(poll(caller), Poll::Ready(Ok(1))));
    }
    assert_eq!((fixture.runtime.held(), fixture.bodies()), (1, 1), "the load goes on");
    fixture.block(false);
    fixture.runtime.run();
    assert_eq!((fixture.ask_soon(), fixture.bodies()), (Ok(2), 0));
    assert_eq!(fixture.repo.cache.stats().stale_hits, 2);
}

#[test]
fn p18_a_load_that_is_in_time_answers_its_callers() {
    let fixture = Fixture::of_age(11);
    fixture.set(2);
    fixture.block(true);
    let ask = || begin(fixture.repo.clone().soon());
    let (mut leader, mut follower) = (ask(), ask());
    assert!(poll(&mut leader).is_pending() && poll(&mut follower).is_pending());
    fixture.block(false);
    fixture.runtime.run();
    for caller in [&mut leader, &mut follower] {
        assert!(matches!(poll(caller), Poll::Ready(Ok(2))));
    }
    assert_eq!(fixture.repo.cache.stats().stale_hits, 0);
}

#[test]
fn p18_a_load_that_fails_in_time_is_answered_by_the_stale_value() {
    let fixture = Fixture::of_age(11);
    fixture.set_down(true);
    let ask = || begin(fixture.repo.clone().soon());
    let (mut leader, mut follower) = (ask(), ask());
    assert!(poll(&mut leader).is_pending() && poll(&mut follower).is_pending());
    fixture.runtime.run();
    for caller in [&mut leader, &mut follower] {
        assert!(matches!(poll(caller), Poll::Ready(Ok(1))));
    }
    assert_eq!((fixture.ask_soon(), fixture.bodies()), (Ok(1), 1), "nobody tries again at once");
}

/// After the soft timeout, too.
#[test]
fn p18_a_value_that_is_invalidated_while_its_load_runs_is_not_served() {
    let writes: [fn(&Repo); 2] = [Repo::forget, Repo::forget_key];
    for (is_down, write) in [(false, writes[0]), (true, writes[0]), (false, writes[1]), (true, writes[1])] {
        let fixture = Fixture::of_age(11);
        fixture.set(2);
        fixture.block(true);
        let ask = || begin(fixture.repo.clone().soon());
        let (mut leader, mut follower) = (ask(), ask());
        assert!(poll(&mut leader).is_pending() && poll(&mut follower).is_pending());
        fixture.runtime.run();
        write(&fixture.repo);
        fixture.runtime.wake_sleepers();
        assert!(poll(&mut leader).is_pending() && poll(&mut follower).is_pending(), "there is nothing to serve");
        fixture.set_down(is_down);
        fixture.block(false);
        fixture.runtime.run();
        let expected = if is_down { Err(()) } else { Ok(2) };
        for caller in [&mut leader, &mut follower] {
            let Poll::Ready(answer) = poll(caller) else { panic!("it is pending") };
            assert_eq!(answer.map_err(|Down| ()), expected);
        }
    }
}

#[test]
fn p5_a_caller_dropped_at_the_soft_timeout_leaves_the_load_to_the_background() {
    let fixture = Fixture::of_age(11);
    fixture.set(2);
    let mut leader = begin(fixture.repo.clone().soon());
    assert!(poll(&mut leader).is_pending());
    drop(leader);
    assert_eq!(fixture.runtime.run(), 1);
    assert_eq!((fixture.ask_soon(), fixture.bodies()), (Ok(2), 1));
}

#[test]
fn p18_a_thread_pool_loads_in_the_background() {
    let clock = ManualClock::new();
    let pool = ThreadPool::new(1);
    assert!(format!("{pool:?}").contains("threads: 1"));
    let cache = Cache::builder().clock(clock.clone()).runtime(pool).build();
    let repo = Repo {
        number: AtomicU32::new(1),
        is_down: AtomicBool::new(false),
        is_blocked: AtomicBool::new(false),
        bodies: AtomicU32::new(0),
        cache,
    };
    let fixture = Fixture { repo: Arc::new(repo), runtime: ByHand::default(), clock };
    for ask in [Fixture::ask, Fixture::ask_sync] {
        fixture.set(1);
        assert_eq!(ask(&fixture), Ok(1));
        fixture.clock.advance(9 * SECOND);
        fixture.set(2);
        assert_eq!(ask(&fixture), Ok(1));
        while ask(&fixture) == Ok(1) {
            std::thread::yield_now();
        }
        assert_eq!(ask(&fixture), Ok(2));
    }
}

#[test]
fn p18_tokio_loads_in_the_background() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let clock = ManualClock::new();
        let cache = Cache::builder().clock(clock.clone()).runtime(cache_core::TokioRuntime::current()).build();
        let repo = Arc::new(Repo {
            number: AtomicU32::new(1),
            is_down: AtomicBool::new(false),
            is_blocked: AtomicBool::new(false),
            bodies: AtomicU32::new(0),
            cache,
        });
        assert!(repo.clone().refreshed(1).await.is_ok_and(|number| number == 1));
        clock.advance(9 * SECOND);
        repo.number.store(2, Ordering::SeqCst);
        assert!(repo.clone().refreshed(1).await.is_ok_and(|number| number == 1));
        while repo.clone().refreshed(1).await.is_ok_and(|number| number == 1) {
            tokio::task::yield_now().await;
        }
        assert!(repo.clone().refreshed(1).await.is_ok_and(|number| number == 2));
    });
}

static OF_FUNCTION: Mutex<Option<Cache>> = Mutex::new(None);
static CALLS: AtomicU32 = AtomicU32::new(0);
static DROPPED: AtomicU32 = AtomicU32::new(0);

struct CountsDrops;

impl Drop for CountsDrops {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::SeqCst);
    }
}

/// Only its first load ends.
#[cached_query(ttl = "10s", refresh_ahead = "2s", background, cache = &OF_FUNCTION.lock().unwrap().clone().expect("it is set"))]
async fn endless() -> u32 {
    if CALLS.fetch_add(1, Ordering::SeqCst) > 0 {
        let _counts = CountsDrops;
        std::future::pending::<()>().await;
    }
    1
}

#[test]
fn p9_what_a_cache_has_spawned_ends_with_it() {
    let (runtime, clock) = (ByHand::default(), ManualClock::new());
    let cache = Cache::builder().clock(clock.clone()).runtime(runtime.clone()).build();
    *OF_FUNCTION.lock().unwrap() = Some(cache.clone());
    assert_eq!(block_on(endless()), 1);
    clock.advance(9 * SECOND);
    assert_eq!(block_on(endless()), 1);
    assert_eq!((runtime.run(), runtime.held()), (0, 1));
    *OF_FUNCTION.lock().unwrap() = None;
    let scope = cache.scope("another handle");
    drop(cache);
    assert_eq!((runtime.run(), DROPPED.load(Ordering::SeqCst)), (0, 0));
    drop(scope);
    assert_eq!((runtime.run(), DROPPED.load(Ordering::SeqCst)), (1, 1));
}
