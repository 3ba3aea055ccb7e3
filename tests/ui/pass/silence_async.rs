//! Neither the compiler nor clippy has a word to say about what the attributes make of asynchronous functions.
#![deny(
    warnings,
    clippy::all,
    clippy::pedantic,
    clippy::future_not_send,
    elided_lifetimes_in_paths,
    missing_docs,
    rust_2018_idioms,
    trivial_casts,
    trivial_numeric_casts,
    unreachable_pub,
    unused,
    unused_lifetimes,
    unused_qualifications,
    unused_results
)]
#![allow(clippy::must_use_candidate, clippy::needless_pass_by_value, reason = "that is said of what the user wrote")]

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};
use futures_lite::future::{block_on, yield_now};

/// What a query returns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Track {
    /// Its number.
    pub id: u32,
    /// Its title.
    pub title: String,
}

/// What can go wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct Error;

impl Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no such track")
    }
}

impl std::error::Error for Error {}

/// An alias of `Result`.
pub type Answer<T> = Result<T, Error>;

/// A repository.
#[derive(Debug, HasCache)]
pub struct Repo {
    titles: BTreeMap<u32, String>,
    cache: Cache,
}

impl Repo {
    /// A repository of two tracks.
    #[must_use]
    pub fn new() -> Self {
        Self { titles: [(1, "One".to_owned()), (2, "Two".to_owned())].into(), cache: Cache::new() }
    }

    /// All that an annotated read may have.
    ///
    /// # Errors
    ///
    /// When there is no such track.
    #[cached_query(
        ttl = "5m",
        capacity = 100,
        name = "track",
        tags("track:{id}", "tracks"),
        tags_from = |track| [format!("title:{}", track.title)],
        cache_if = |track| !track.title.is_empty()
    )]
    pub async fn get_track(&self, id: u32) -> Answer<Track> {
        yield_now().await;
        let title = self.titles.get(&id).ok_or(Error)?.clone();
        Ok(Track { id, title })
    }

    /// A body without an `await`.
    #[cached_query]
    pub async fn count(&self) -> usize {
        self.titles.len()
    }

    /// Arguments of many kinds.
    #[cached_query]
    pub async fn find(&self, prefix: &str, ids: &[u32], pair: (u32, &str), other: Option<&str>) -> Vec<u32> {
        yield_now().await;
        let of = [prefix, pair.1, other.unwrap_or_default()].concat();
        ids.iter().copied().filter(|id| of.is_empty() || *id == pair.0).collect()
    }

    /// Patterns.
    #[cached_query]
    pub async fn pattern(&self, (a, b): (u32, u32), _: u32, [c, ..]: [u32; 2], mut d: u32) -> u32 {
        d += c;
        yield_now().await;
        a + b + d
    }

    /// An argument that isn't used.
    #[cached_query]
    pub async fn unused(&self, ignored: u32) -> u32 {
        u32::try_from(self.titles.len()).unwrap_or(u32::MAX)
    }

    /// Generic arguments.
    #[cached_query(tags("any:{key}"))]
    pub async fn generic<K, const N: usize>(&self, key: K, _: [u8; N]) -> usize
    where
        K: Clone + Display + Eq + Hash + Send + Sync + 'static,
    {
        yield_now().await;
        key.to_string().len() + self.titles.len() + N
    }

    /// A lifetime.
    #[cached_query]
    pub async fn longest<'a>(&self, mut a: &'a str, b: &'a str) -> String {
        if b.len() > a.len() {
            a = b;
        }
        yield_now().await;
        a.to_owned() + &self.titles[&1]
    }

    /// A receiver that is shared.
    #[cached_query]
    pub async fn shared(self: Arc<Self>, id: u32) -> u32 {
        id + self.unused(id).await
    }

    /// A receiver that is pinned, and a time to live of its own.
    #[cached_query(ttl = "5m", own_ttl)]
    pub async fn pinned(self: Pin<&Self>, id: u32) -> u32 {
        id
    }

    /// Old values, and values that say how old.
    ///
    /// # Errors
    ///
    /// When there is no such track.
    #[cached_query(
        ttl_from = |track| Duration::from_secs(u64::from(track.id)),
        jitter = "10%",
        weight = |track| track.title.len(),
        stale_if_error = "1h",
        retry_after = "5s",
        refresh_ahead = "1s",
        stale_while_revalidate = 30,
        background,
        soft_timeout = "200ms"
    )]
    pub async fn old(self: Arc<Self>, id: u32) -> Answer<Track> {
        yield_now().await;
        self.get_track(id).await
    }

    /// A list of ids.
    ///
    /// # Errors
    ///
    /// When there is no such track.
    #[cached_query(each = ids, tags("track:{id}"), ttl = "5m", stale_if_error = "1h")]
    pub async fn each(&self, ids: &[u32], ignored: u32, mut other: String) -> Answer<BTreeMap<u32, String>> {
        other.push('.');
        yield_now().await;
        ids.iter().map(|id| Ok((*id, self.titles.get(id).ok_or(Error)?.to_owned() + &other))).collect()
    }

    /// A list of ids by value.
    #[cached_query(each = ids)]
    pub async fn each_of(self: Arc<Self>, mut ids: Vec<u32>) -> Vec<(u32, u32)> {
        ids.sort_unstable();
        yield_now().await;
        ids.into_iter().map(|id| (id, id)).collect()
    }

    /// Forgets one of the list.
    #[invalidates(each(id, 1, String::new()), each_of(id))]
    pub async fn forget(&self, id: u32) -> u32 {
        id
    }

    /// A write through a receiver that is pinned.
    #[invalidates("pinned", pinned(id))]
    pub async fn write_pinned(self: Pin<&mut Self>, id: u32) -> u32 {
        id
    }

    /// An error that borrows.
    ///
    /// # Errors
    ///
    /// When there is no such track.
    #[cached_query]
    pub async fn borrowed_error(&self, id: u32) -> Result<u32, &Cache> {
        if id == 0 { Err(&self.cache) } else { Ok(id) }
    }

    /// A receiver that is a reference to a shared one.
    #[cached_query]
    pub async fn shared_reference(self: &Arc<Self>, id: u32) -> u32 {
        id + self.unused(id).await
    }

    /// No receiver.
    #[cached_query(ttl = "5m")]
    pub async fn total(of: u32) -> u32 {
        yield_now().await;
        of + 1
    }

    /// A unit within a `Result`.
    ///
    /// # Errors
    ///
    /// When there is no such track.
    #[cached_query(ttl = "5m")]
    pub async fn check(&self, id: u32) -> Answer<()> {
        self.titles.contains_key(&id).then_some(()).ok_or(Error)
    }

    /// # Panics
    ///
    /// When there is no such track.
    #[cached_query(ttl = "5m")]
    pub async fn title(&self, id: u32) -> String {
        let Some(title) = self.titles.get(&id) else { panic!("no such track") };
        yield_now().await;
        title.clone()
    }

    /// A body that is one `await`.
    #[cached_query]
    pub async fn delegates(&self, id: u32) -> u32 {
        self.unused(id).await
    }

    /// A large body.
    #[cached_query]
    pub async fn large(&self, id: u32) -> usize {
        let buffer = [1_u8; 8_192];
        yield_now().await;
        buffer.iter().map(|byte| usize::from(*byte)).sum::<usize>() + self.titles.len()
    }

    #[cached_query]
    async fn private(&self, id: u32) -> u32 {
        id + self.unused(1).await
    }

    #[cached_query]
    pub(crate) async fn of_crate(&self, id: u32) -> u32 {
        self.private(id).await
    }

    /// Forgets by name.
    #[invalidates("get_track", count, "Self::private", "Repo::find")]
    pub async fn change(&mut self, id: u32, title: &str) {
        yield_now().await;
        let _ = self.titles.insert(id, title.to_owned());
    }

    /// Forgets single entries, and tags.
    ///
    /// # Errors
    ///
    /// When there is no such track.
    #[invalidates(get_track(id), title(id), Self::check(id), tags("track:{id}", "tracks"), on = "ok")]
    pub async fn rename(&mut self, id: u32, title: &str) -> Answer<()> {
        yield_now().await;
        title.clone_into(self.titles.get_mut(&id).ok_or(Error)?);
        Ok(())
    }

    /// Forgets what the value says.
    ///
    /// # Errors
    ///
    /// When there is no such track.
    #[invalidates(|track| get_track(track.id))]
    #[invalidates(|track| title(track.id))]
    pub async fn take(&mut self, id: u32) -> Result<Track, Box<dyn std::error::Error + Send + Sync>> {
        yield_now().await;
        let title = self.titles.remove(&id).ok_or(Error)?;
        Ok(Track { id, title })
    }

    /// Forgets what lists and options name.
    #[must_use]
    #[invalidates(
        for id in ids { get_track(*id), title(*id); tags("track:{id}") },
        for (number, title) in &self.titles { tags(format!("title:{title}"), "tracks"); Repo::unused(*number); },
        for id in 1..3 { Self::title(id) },
        title(other?),
        |found| { get_track(found?.id); for letter in found?.title.chars() { tags("letter:{letter}") } }
    )]
    pub async fn replace(&mut self, ids: Vec<u32>, other: Option<u32>) -> Option<Track> {
        let id = other.or_else(|| ids.into_iter().max())?;
        Some(Track { id, title: self.titles.get(&id)?.clone() })
    }

    /// Forgets all, takes arguments by pattern, and has no `await`.
    #[invalidates(all)]
    pub async fn clear(&mut self, (a, _): (u32, u32), _: u32) -> u32 {
        self.titles.clear();
        a
    }

    /// No receiver.
    #[invalidates("Self::total", Self::total(of))]
    pub async fn sell(of: u32) -> u32 {
        yield_now().await;
        of
    }

    /// Gives away what it was given.
    #[invalidates("title")]
    pub async fn consume(self) -> BTreeMap<u32, String> {
        self.titles
    }

    /// Borrows from its arguments.
    #[invalidates(title(1))]
    pub async fn borrow<'a>(&'a self, other: &'a str) -> (&'a str, usize) {
        yield_now().await;
        (other, self.titles.len())
    }
}

impl Default for Repo {
    fn default() -> Self {
        Self::new()
    }
}

/// A trait of reads and writes.
pub trait Titles {
    /// A read.
    fn get(&self, id: u32) -> impl Future<Output = Answer<String>> + Send;
    /// A write.
    fn set(&mut self, id: u32, title: &str) -> impl Future<Output = ()> + Send;
}

#[cached_impl]
impl Titles for Repo {
    #[cached_query(ttl = "5m", tags("title:{id}"))]
    async fn get(&self, id: u32) -> Answer<String> {
        self.titles.get(&id).cloned().ok_or(Error)
    }

    #[invalidates(get(id), "get_track")]
    async fn set(&mut self, id: u32, title: &str) {
        yield_now().await;
        let _ = self.titles.insert(id, title.to_owned());
    }
}

/// A trait whose functions return boxed futures.
#[async_trait]
pub trait Names {
    /// A read.
    async fn name(&self, id: u32, text: &str) -> Option<String>;
    /// A write.
    async fn touch(&self, id: u32, text: &str) -> u32;
}

#[cached_impl]
#[async_trait]
impl Names for Repo {
    #[cached_query(ttl = "5m", tags("name:{id}"))]
    async fn name(&self, id: u32, text: &str) -> Option<String> {
        yield_now().await;
        Some(self.titles.get(&id)?.clone() + text)
    }

    #[invalidates(name(id, text), |id| name(*id, "other"), tags("name:{id}"))]
    async fn touch(&self, id: u32, text: &str) -> u32 {
        yield_now().await;
        id
    }
}

/// A trait with provided methods.
#[cached_impl]
#[async_trait]
pub trait Provided: HasCache + Sync {
    /// What is read.
    async fn raw(&self, id: u32) -> u32;

    /// A read.
    #[cached_query(ttl = "5m")]
    async fn doubled(&self, id: u32) -> u32 {
        self.raw(id).await * 2
    }

    /// A write.
    #[invalidates("doubled")]
    async fn touch_all(&self) {}
}

#[async_trait]
impl Provided for Repo {
    async fn raw(&self, id: u32) -> u32 {
        id + self.unused(1).await
    }
}

/// A generic repository that borrows.
#[derive(Debug, HasCache)]
pub struct Session<'db, T> {
    rows: &'db [T],
    cache: Cache,
}

impl<'db, T: Clone + Send + Sync + 'static> Session<'db, T> {
    /// On some rows.
    pub fn new(rows: &'db [T], cache: &Cache) -> Self {
        Self { rows, cache: cache.clone() }
    }

    /// A read.
    #[cached_query(ttl = "5m", tags("row:{at}"))]
    pub async fn row(&self, at: usize) -> Option<T> {
        yield_now().await;
        self.rows.get(at).cloned()
    }

    /// A write.
    #[invalidates(row(at), tags("row:{at}"))]
    pub async fn touch(&self, at: usize) -> usize {
        yield_now().await;
        at + self.rows.len()
    }
}

/// A free function.
#[cached_query(ttl = "5m", tags("day:{day}"))]
pub async fn rate(day: u32) -> u32 {
    yield_now().await;
    day * 2
}

/// A write that is a free function.
#[invalidates("rate", tags("day:{day}"))]
pub async fn publish(day: u32) {}

#[allow(dead_code, reason = "as a library it is not called")]
async fn run() {
    let mut repo = Repo::new();
    assert_eq!(repo.get_track(1).await.map(|track| track.title).ok(), Some("One".to_owned()));
    assert_eq!((repo.count().await, repo.of_crate(5).await, repo.delegates(1).await), (2, 7, 2));
    assert_eq!(repo.find("", &[1], (1, ""), None).await, [1]);
    assert_eq!((repo.pattern((1, 2), 3, [4, 5], 6).await, repo.generic('a', [0; 3]).await), (13, 6));
    assert_eq!((repo.longest("a", "bc").await, repo.title(1).await), ("bcOne".to_owned(), "One".to_owned()));
    assert!(repo.check(1).await.is_ok() && repo.check(3).await.is_err() && repo.get(1).await.is_ok());
    assert_eq!((Repo::total(1).await, repo.large(1).await, repo.doubled(1).await), (2, 8_194, 6));
    assert_eq!(repo.name(1, "!").await, Some("One!".to_owned()));
    let before = repo.cache.len();
    repo.change(1, "Uno").await;
    assert_eq!(repo.title(1).await, "One");
    assert!(repo.rename(1, "One").await.is_ok() && repo.cache.len() < before);
    repo.set(2, "Due").await;
    repo.touch_all().await;
    assert_eq!((Names::touch(&repo, 1, "!").await, repo.borrow("x").await), (1, ("x", 2)));
    assert_eq!((repo.take(2).await.map(|track| track.id).ok(), Repo::sell(1).await), (Some(2), 1));
    let session = Session::new(&[5, 6], repo.cache());
    assert_eq!((session.row(1).await, session.touch(1).await, session.row(2).await), (Some(6), 3, None));
    assert_eq!(rate(1).await, 2);
    publish(1).await;
    assert!(repo.replace(vec![7], None).await.is_none());
    assert_eq!((repo.clear((1, 2), 3).await, repo.cache.len()), (1, 0));
    assert!(repo.consume().await.is_empty());
    let shared = Arc::new(Repo::new());
    assert_eq!((shared.shared_reference(1).await, shared.shared(1).await), (3, 3));
}

#[allow(dead_code, reason = "as a library it is not called")]
fn main() {
    block_on(run());
}
