//! The futures of annotated functions: `Send`, small, ready at once on a hit, and lazy.
#![forbid(unsafe_code)]

mod sizes;

use std::error::Error;
use std::fmt::Display;
use std::num::ParseIntError;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_trait::async_trait;
use cache_core::{Cache, HasCache, TaggedCache, cached_impl, cached_query, invalidates};
use cache_tests::watchdog;
use futures_lite::future::{block_on, yield_now};

#[derive(HasCache, Default)]
struct Repo {
    loads: AtomicU32,
    writes: AtomicU32,
    evaluated: AtomicU32,
    #[cache]
    cache: Cache,
}

impl Repo {
    fn load(&self) -> u32 {
        self.loads.fetch_add(1, Ordering::SeqCst)
    }

    fn write(&self) {
        self.writes.fetch_add(1, Ordering::SeqCst);
    }

    /// Records when an expression of a target or a tag is evaluated.
    fn evaluate(&self, tag: &str) -> String {
        self.evaluated.fetch_add(1, Ordering::SeqCst);
        tag.into()
    }
}

/// Queries, and one mutation for each kind of target.
impl Repo {
    #[cached_query]
    async fn by_id(&self, id: u32) -> u32 {
        yield_now().await;
        self.load() + id
    }

    #[cached_query(
        tags("text:{text}", self.evaluate("tag")),
        tags_from = |value| [value],
        cache_if = |value| !value.is_empty()
    )]
    async fn by_text(&self, text: &str, ids: &[u32]) -> Result<String, ParseIntError> {
        yield_now().await;
        self.load();
        Ok(format!("{}{}", text.parse::<u32>()?, ids.len()))
    }

    #[cached_query]
    async fn by_arc(self: Arc<Self>, name: String) -> usize {
        yield_now().await;
        self.load();
        name.len()
    }

    #[cached_query(skip(key))]
    async fn generic<T: Display + Send + 'static>(&self, key: T, id: u32) -> String {
        yield_now().await;
        self.load();
        format!("{key}{id}")
    }

    /// The function itself holds neither of the two across an await.
    #[cached_query]
    async fn error_not_send(&self, text: &str) -> Result<u32, Box<dyn Error>> {
        yield_now().await;
        self.load();
        Ok(text.parse()?)
    }

    #[invalidates("by_id", by_text)]
    async fn invalidate_by_name(&self) {
        yield_now().await;
        self.write();
    }

    #[invalidates(by_id(id), by_text(&self.evaluate(text), &[id]))]
    async fn invalidate_by_key(&self, id: u32, text: &str) -> Result<(), Box<dyn Error>> {
        yield_now().await;
        self.write();
        text.parse::<u32>()?;
        Ok(())
    }

    #[invalidates(|id| by_id(*id), |id| Self::by_id(*id + 1))]
    async fn invalidate_by_result(&self, id: u32) -> u32 {
        yield_now().await;
        self.write();
        id
    }

    #[invalidates(tags("text:{text}", self.evaluate("tag")), on = "ok")]
    async fn invalidate_by_tag(&self, text: &str) -> Result<Rc<str>, Rc<str>> {
        yield_now().await;
        self.write();
        if text.is_empty() { Err(text.into()) } else { Ok(text.into()) }
    }

    #[invalidates(all)]
    async fn invalidate_all(&mut self) {
        yield_now().await;
        self.write();
    }

    #[invalidates(generic::<T>(key.clone(), id), rates::free(id))]
    async fn invalidate_here_and_there<T: Display + Send + Clone + 'static>(&self, key: T, id: u32) {
        yield_now().await;
        self.write();
    }
}

mod rates {
    #[cache_core::cached_query]
    pub(super) async fn free(id: u32) -> u32 {
        super::yield_now().await;
        id
    }
}

#[invalidates(Repo::by_id(id), tags("id:{id}"), cache = cache)]
async fn invalidate_in(cache: &Cache, id: u32) {
    yield_now().await;
}

/// Callers need to spawn its futures.
trait Tracks {
    fn track(&self, id: u32) -> impl Future<Output = Result<u32, Box<dyn Error>>> + Send;
    fn rename(&self, id: u32) -> impl Future<Output = ()> + Send;
}

#[cached_impl]
impl Tracks for Repo {
    #[cached_query(tags("id:{id}"))]
    async fn track(&self, id: u32) -> Result<u32, Box<dyn Error>> {
        yield_now().await;
        self.load();
        Ok(id)
    }

    #[invalidates(track(id))]
    async fn rename(&self, id: u32) {
        yield_now().await;
        self.write();
    }
}

#[cached_impl]
#[async_trait]
trait Albums: HasCache + Send + Sync {
    async fn album(&self, id: u32) -> u32;

    #[invalidates(all)]
    async fn invalidate_albums(&self) {
        yield_now().await;
    }
}

#[cached_impl]
#[async_trait]
impl Albums for Repo {
    #[cached_query]
    async fn album(&self, id: u32) -> u32 {
        yield_now().await;
        self.load();
        id
    }
}

fn is_send<T: Send>(_: T) {}

/// Compiling is the test.
#[test]
fn the_futures_of_queries_are_send() {
    let repo = Arc::new(Repo::default());
    is_send(rates::free(1));
    is_send(repo.by_id(1));
    is_send(repo.by_text("1", &[]));
    is_send(repo.clone().by_arc("a".into()));
    is_send(repo.generic("a", 1));
    is_send(repo.error_not_send("1"));
    is_send(repo.track(1));
    is_send(repo.album(1));
    let albums: &dyn Albums = &*repo;
    is_send(albums.album(1));
}

/// Also where the type of an argument, or of `self`, is generic.
#[test]
fn the_futures_of_generic_callers_are_send() {
    async fn call<T: Tracks + Sync, K: Display + Send + Clone + 'static>(tracks: &T, repo: &Repo, key: K) {
        tracks.track(1).await.unwrap();
        repo.generic(key.clone(), 1).await;
        repo.by_text("1", &[1]).await.unwrap();
        repo.invalidate_by_result(1).await;
        drop(repo.invalidate_by_tag("1").await);
        repo.invalidate_here_and_there(key, 1).await;
        tracks.rename(1).await;
    }

    let repo = Repo::default();
    is_send(call(&repo, &repo, 'a'));
}

#[test]
fn the_futures_of_mutations_are_send() {
    let mut repo = Repo::default();
    is_send(repo.invalidate_by_name());
    is_send(repo.invalidate_by_key(1, "1"));
    is_send(repo.invalidate_by_result(1));
    is_send(repo.invalidate_by_tag("a"));
    is_send(repo.invalidate_here_and_there("a", 1));
    is_send(repo.rename(1));
    is_send(repo.invalidate_albums());
    is_send(invalidate_in(&repo.cache, 1));
    is_send(repo.invalidate_all());
}

#[test]
fn the_futures_of_direct_calls_are_send() {
    let cache: TaggedCache<String, u32> = TaggedCache::new();
    let tags = |_: &u32| ["tag"];
    is_send(cache.get_or_load_async("a", async || 1));
    is_send(cache.entry("a").or_load_async(async || 1));
    is_send(cache.entry("a").tags_from(tags).or_load_async(async || 1));
    is_send(cache.entry("a").or_try_load_async(async || "1".parse::<u32>().map_err(Box::<dyn Error>::from)));
    is_send(cache.entry("a").or_try_load_async(async || Err(Rc::new(1))));
    is_send(cache.entry("a").tags_from(tags).or_try_load_async(async || Ok::<_, Rc<u32>>(1)));
    is_send(cache.entry("a").share_errors().or_try_load_async(async || Err::<u32, _>("down")));
}

impl Repo {
    #[cached_query]
    async fn local(&self, id: u32) -> u32 {
        let shared = Rc::new(id);
        yield_now().await;
        self.load();
        *shared + 1
    }

    #[invalidates(local(**id))]
    async fn change_local(&self, id: &Rc<u32>) {
        let shared = id.clone();
        yield_now().await;
        assert_eq!(*shared, **id);
    }
}

#[tokio::test]
async fn p4_what_is_not_send_works_on_one_thread() {
    let tasks = tokio::task::LocalSet::new();
    tasks
        .run_until(async {
            let repo = Rc::new(Repo::default());
            let cache = repo.cache.clone();
            let _watch = watchdog::guard(Duration::from_secs(60), move || format!("{cache:?}\n{}", cache.stats()));
            let calls = [1, 1, 2, 1].map(|id| {
                let repo = repo.clone();
                tokio::task::spawn_local(async move { repo.local(id).await })
            });
            for (call, expected) in calls.into_iter().zip([2, 2, 3, 2]) {
                assert_eq!(call.await.unwrap(), expected);
            }
            assert_eq!((repo.cache.stats().loads, repo.cache.len()), (2, 2));
            repo.change_local(&Rc::new(1)).await;
            assert_eq!((repo.local(2).await, repo.cache.len()), (3, 1));
            repo.cache.check_invariants();
        })
        .await;
}

/// Counts wakes, and by its references how many wakers are kept.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// The output of a future that is ready at its first poll, without a use of its waker.
fn ready<F: Future>(future: F) -> F::Output {
    let count = Arc::new(Wakes::default());
    let waker = Waker::from(count.clone());
    let mut future = pin!(future);
    let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) else {
        panic!("it waits");
    };
    assert_eq!((count.0.load(Ordering::SeqCst), Arc::strong_count(&count)), (0, 2), "it used the waker");
    output
}

/// A hit, after a call that is pending and loads.
fn assert_ready<F: Future<Output: PartialEq + std::fmt::Debug>>(cache: &Cache, call: impl Fn() -> F) {
    let before = cache.stats();
    let value = block_on(call());
    assert_eq!(ready(call()), value);
    let Poll::Ready(hit) = pin!(call()).poll(&mut Context::from_waker(Waker::noop())) else { panic!("it waits") };
    assert_eq!(hit, value);
    let after = cache.stats();
    assert_eq!((after.loads - before.loads, after.hits - before.hits), (1, 2));
}

#[test]
fn p12_a_hit_is_ready_at_once() {
    let repo = Arc::new(Repo::default());
    let cache = &repo.cache;
    assert_ready(cache, || repo.by_id(1));
    assert_ready(cache, || repo.by_text("1", &[1, 2]));
    assert_ready(cache, || repo.clone().by_arc("a".into()));
    assert_ready(cache, || repo.generic("a", 1));
    assert_ready(cache, || async { repo.error_not_send("1").await.unwrap() });
    assert_ready(cache, || async { repo.track(1).await.unwrap() });
    assert_ready(cache, || repo.album(1));
    assert_ready(cache, || repo.local(1));
    assert_ready(Cache::global(), || rates::free(1));
}

#[test]
fn p12_a_direct_hit_is_ready_at_once() {
    let cache: TaggedCache<String, u32> = TaggedCache::new();
    let load = async || {
        yield_now().await;
        1
    };
    let get = |key| cache.entry(key).tags_from(|_| ["tag"]).or_load_async(load);
    assert_eq!(block_on(get("a")), 1);
    assert_eq!(ready(get("a")), 1);
    assert_eq!(ready(cache.get_or_load_async("a", async || unreachable!())), 1);
    let fallible = cache.entry("a").or_try_load_async(async || Err::<u32, _>("unreachable"));
    assert_eq!((ready(fallible), cache.stats().hits), (Ok(1), 3));
}

/// While another caller waits for another key.
#[test]
fn p12_a_hit_beside_a_load_is_ready_at_once() {
    let repo = Repo::default();
    block_on(repo.by_id(1));
    let mut load = pin!(repo.by_id(2));
    assert!(load.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(ready(repo.by_id(1)), 1);
    assert_eq!(block_on(load), 3);
}

/// A mutation whose body is ready at once is, too.
#[test]
fn a_mutation_adds_no_wait() {
    #[invalidates(Repo::by_id(id), tags("tag"), cache = cache)]
    async fn change(cache: &Cache, id: u32) -> u32 {
        id
    }

    let repo = Repo::default();
    block_on(repo.by_id(1));
    assert_eq!((ready(change(&repo.cache, 1)), repo.cache.len()), (1, 0));
}

#[test]
fn p11_a_mutation_that_is_never_polled_does_nothing() {
    let mut repo = Repo::default();
    block_on(async {
        repo.by_id(1).await;
        repo.by_text("1", &[1]).await.unwrap();
        repo.track(1).await.unwrap();
    });
    let before = (repo.cache.stats(), repo.cache.len(), repo.evaluated.load(Ordering::SeqCst));
    drop(repo.by_id(2));
    drop(repo.by_text("2", &[2]));
    drop(repo.generic("a", 1));
    drop(repo.track(2));
    drop(repo.album(2));
    drop(repo.invalidate_by_name());
    drop(repo.invalidate_by_key(1, "1"));
    drop(repo.invalidate_by_result(1));
    drop(repo.invalidate_by_tag("1"));
    drop(repo.invalidate_here_and_there("a", 1));
    drop(repo.rename(1));
    drop(repo.invalidate_albums());
    drop(invalidate_in(&repo.cache, 1));
    drop(repo.invalidate_all());
    let after = (repo.cache.stats(), repo.cache.len(), repo.evaluated.load(Ordering::SeqCst));
    assert_eq!(before, after);
    assert_eq!((repo.loads.into_inner(), repo.writes.into_inner()), (3, 0));
    repo.cache.check_invariants();
}

#[test]
fn a_direct_call_that_is_never_polled_does_nothing() {
    let cache: TaggedCache<String, u32> = TaggedCache::new();
    let (options, tags) = (|| unreachable!(), |_: &u32| -> [&str; 0] { unreachable!() });
    drop(cache.get_or_load_async("a", async || unreachable!()));
    drop(cache.entry("a").with(options).tags_from(tags).or_try_load_async(async || Err(1)));
    assert_eq!((cache.stats().misses, cache.stats().loads, cache.len()), (0, 0, 0));
}

/// When a mutation begins, its targets are evaluated; when it is dropped, they are invalidated.
#[test]
fn p11_a_mutation_polled_once_invalidates_all_its_targets() {
    let repo = Repo::default();
    block_on(async {
        repo.by_id(1).await;
        repo.by_text("1", &[1]).await.unwrap();
    });
    let evaluated = repo.evaluated.load(Ordering::SeqCst);
    {
        let mut write = pin!(repo.invalidate_by_key(1, "1"));
        assert!(write.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!((repo.evaluated.load(Ordering::SeqCst), repo.cache.len()), (evaluated + 1, 2));
    }
    assert_eq!((repo.writes.load(Ordering::SeqCst), repo.cache.len()), (0, 0));
}
