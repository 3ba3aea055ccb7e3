//! Neither the compiler nor clippy has a word to say about what the attributes generate.
#![deny(
    warnings,
    clippy::all,
    clippy::pedantic,
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

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Display;
use std::hash::{BuildHasher, Hash};
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

const TTL: Duration = Duration::from_millis(1_500);

static OTHER: LazyLock<Cache> = LazyLock::new(Cache::new);

/// What a query returns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Track {
    /// Its number.
    pub id: u32,
    /// Its title.
    pub title: String,
}

/// What a query is asked with.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    /// What a title begins with.
    pub prefix: &'a str,
    /// How loud a track is.
    pub volume: f64,
}

/// What can go wrong.
#[derive(Debug)]
pub struct Error;

impl Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no such track")
    }
}

impl std::error::Error for Error {}

/// A transaction of a database.
#[derive(Debug)]
pub struct Transaction(pub u32);

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
    pub fn get_track(&self, id: u32) -> Answer<Track> {
        let title = self.titles.get(&id).ok_or(Error)?.clone();
        Ok(Track { id, title })
    }

    /// The fewest options.
    #[cached_query]
    pub fn count(&self) -> usize {
        self.titles.len()
    }

    /// Arguments of many kinds.
    #[must_use]
    #[cached_query(ttl = TTL)]
    pub fn find(
        &self,
        prefix: &str,
        ids: &[u32],
        pair: (u32, &str),
        other: Option<&str>,
        cow: Cow<'_, str>,
    ) -> Vec<u32> {
        let of = [prefix, pair.1, other.unwrap_or_default(), &cow].concat();
        ids.iter().copied().filter(|id| of.is_empty() || *id == pair.0).collect()
    }

    /// A key of its own.
    #[cached_query(ttl = 300, key(filter.prefix, filter.volume.to_bits()))]
    pub fn filtered(&self, filter: Filter<'_>) -> Option<Arc<Track>> {
        let (id, title) = self.titles.iter().find(|(_, title)| title.starts_with(filter.prefix))?;
        Some(Arc::new(Track { id: *id, title: title.clone() }))
    }

    /// A skipped argument.
    #[cached_query(ttl = "1h30m", skip(volume), cache = &OTHER)]
    pub fn skipped(&self, id: u32, volume: f64) -> bool {
        volume > 0.0 && self.titles.contains_key(&id)
    }

    /// Patterns.
    #[cached_query]
    pub fn pattern(&self, (a, b): (u32, u32), _: u32, [c, ..]: [u32; 2], mut d: u32) -> u32 {
        d += c;
        a + b + d
    }

    /// An argument that isn't used.
    #[cached_query]
    pub fn unused(&self, ignored: u32) -> u32 {
        u32::try_from(self.titles.len()).unwrap_or(u32::MAX)
    }

    /// Generic arguments.
    #[cached_query(tags("any:{key}"))]
    pub fn generic<K, const N: usize>(&self, key: K, _: [u8; N]) -> usize
    where
        K: Clone + Display + Eq + Hash + Send + Sync + 'static,
    {
        key.to_string().len() + self.titles.len() + N
    }

    /// A lifetime.
    #[cached_query]
    pub fn longest<'a>(&self, mut a: &'a str, b: &'a str) -> String {
        if b.len() > a.len() {
            a = b;
        }
        a.to_owned() + &self.titles[&1]
    }

    /// `impl Trait`.
    #[cached_query(key(id.to_string()))]
    pub fn displayed(&self, id: &impl Display) -> usize {
        self.titles.len() + id.to_string().len()
    }

    /// A receiver that is shared.
    #[must_use]
    #[cached_query]
    pub fn shared(self: Arc<Self>, id: u32) -> u32 {
        id + self.unused(id)
    }

    /// A receiver that is pinned, and a time to live of its own.
    #[cached_query(ttl = "5m", own_ttl)]
    pub fn pinned(self: Pin<&Self>, id: u32) -> u32 {
        id
    }

    /// Old values, and values that say how old.
    ///
    /// # Errors
    ///
    /// When there is no such track.
    #[cached_query(
        ttl_from = |track| if track.id == 0 { TTL } else { TTL * 2 },
        jitter = "10%",
        weight = |track| track.title.len(),
        stale_if_error = "1h",
        retry_after = TTL,
        refresh_ahead = "1s",
        stale_while_revalidate = 30
    )]
    pub fn old(&self, id: u32) -> Answer<Track> {
        self.get_track(id)
    }

    /// A load in the background.
    #[cached_query(ttl = "5m", stale_while_revalidate = "30s", background, cache_if = |found| *found > 0)]
    pub fn in_background(self: Arc<Self>, id: u32, other: String) -> u32 {
        id + self.unused(id) + u32::from(other.is_empty())
    }

    /// A list of ids.
    #[cached_query(each = ids, tags("track:{id}"), ttl = TTL + TTL)]
    pub fn each(&self, ids: &[u32], ignored: u32, mut other: String, mut suffix: &str) -> HashMap<u32, String> {
        if ids.is_empty() {
            return HashMap::new();
        }
        other.push('.');
        suffix = suffix.trim();
        ids.iter().filter_map(|id| Some((*id, self.titles.get(id)?.to_owned() + &other + suffix))).collect()
    }

    /// A list of ids by value, and an argument that is borrowed.
    ///
    /// # Errors
    ///
    /// Never.
    #[cached_query(each = ids, skip(transaction), in_transaction = false, cache_if = Option::is_some)]
    pub fn each_of(
        &self,
        transaction: &mut Transaction,
        mut ids: Vec<u32>,
        (first, mut second): (u32, u32),
    ) -> Answer<BTreeMap<u32, u32>> {
        transaction.0 += 1;
        ids.sort_unstable();
        second += first;
        Ok(ids.into_iter().map(|id| (id, second)).collect())
    }

    /// A list of ids that is a set.
    #[cached_query(each = ids)]
    pub fn each_in_set<S: BuildHasher + Default>(&self, ids: &HashSet<u32, S>) -> HashMap<u32, usize> {
        ids.iter().map(|id| (*id, self.titles.len())).collect()
    }

    /// Forgets one of the list.
    #[invalidates(each(id, 1, String::new(), ""), for id in 1..3 { each_in_set(id) })]
    pub fn forget(&self, id: u32) -> u32 {
        id
    }

    /// A write through a receiver that is pinned.
    #[invalidates("pinned", pinned(id))]
    pub fn write_pinned(self: Pin<&mut Self>, id: u32) -> u32 {
        id
    }

    /// An error that borrows.
    ///
    /// # Errors
    ///
    /// When there is no such track.
    #[cached_query]
    pub fn borrowed_error(&self, id: u32) -> Result<u32, &Cache> {
        if id == 0 { Err(&self.cache) } else { Ok(id) }
    }

    /// A receiver that is a reference to a shared one.
    #[cached_query]
    pub fn shared_reference(self: &Arc<Self>, id: u32) -> u32 {
        id + self.unused(id)
    }

    /// No receiver.
    #[must_use]
    #[cached_query(ttl = "5m")]
    pub fn total(of: u32) -> u32 {
        of + 1
    }

    /// A unit within a `Result`.
    ///
    /// # Errors
    ///
    /// When there is no such track.
    #[cached_query(ttl = "5m")]
    pub fn check(&self, id: u32) -> Answer<()> {
        self.titles.contains_key(&id).then_some(()).ok_or(Error)
    }

    /// # Panics
    ///
    /// When there is no such track.
    #[cached_query(ttl = "5m")]
    pub fn title(&self, id: u32) -> String {
        let Some(title) = self.titles.get(&id) else { panic!("no such track") };
        title.clone()
    }

    /// A body that is one expression in a block.
    #[rustfmt::skip]
    #[cached_query]
    pub fn constant(&self) -> u32 { let Self { titles, .. } = self; titles.values().map(|_| 1).sum() }

    #[cached_query]
    fn private(&self, id: u32) -> u32 {
        id + self.unused(1)
    }

    #[cached_query]
    pub(crate) fn of_crate(&self, id: u32) -> u32 {
        self.private(id)
    }

    /// Forgets by name.
    #[invalidates("get_track", count, "Self::private", "Repo::find")]
    pub fn change(&mut self, id: u32, title: &str) {
        let _ = self.titles.insert(id, title.to_owned());
    }

    /// Forgets single entries, and tags.
    ///
    /// # Errors
    ///
    /// When there is no such track.
    #[invalidates(get_track(id), title(id), Self::check(id), tags("track:{id}", "tracks"), on = "ok")]
    pub fn rename(&mut self, id: u32, title: &str) -> Answer<()> {
        title.clone_into(self.titles.get_mut(&id).ok_or(Error)?);
        Ok(())
    }

    /// Forgets what the value says.
    ///
    /// # Errors
    ///
    /// When there is no such track.
    #[invalidates(|track| get_track(track.id))]
    #[invalidates(|track| skipped(track.id, 1.0), cache = &OTHER)]
    pub fn take(&mut self, id: u32) -> Result<Track, Box<dyn std::error::Error>> {
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
    #[invalidates(for id in ids { skipped(*id, _) }, |track| skipped(track?.id, _), cache = &OTHER)]
    pub fn replace(&mut self, ids: Vec<u32>, other: Option<u32>) -> Option<Track> {
        let id = other.or_else(|| ids.into_iter().max())?;
        Some(Track { id, title: self.titles.get(&id)?.clone() })
    }

    /// A read within a transaction.
    #[cached_query(in_transaction, skip(transaction))]
    pub fn read_inside(&self, transaction: &Transaction, id: u32) -> u32 {
        transaction.0 + id + u32::from(self.titles.is_empty())
    }

    /// A write within a transaction.
    #[invalidates("title", in_transaction)]
    pub fn write_inside(&mut self, transaction: &mut Transaction, id: u32) {
        transaction.0 += id;
        let _ = self.titles.remove(&id);
    }

    /// Forgets all, and takes arguments by pattern.
    #[invalidates(all)]
    pub fn clear(&mut self, (a, _): (u32, u32), _: u32) -> u32 {
        self.titles.clear();
        a
    }

    /// No receiver.
    #[invalidates("Self::total", Self::total(of))]
    pub fn sell(of: u32) -> u32 {
        of
    }

    /// Gives away what it was given.
    #[must_use]
    #[invalidates("title")]
    pub fn consume(self) -> BTreeMap<u32, String> {
        self.titles
    }

    /// Borrows from its arguments.
    #[invalidates(title(1))]
    pub fn borrow<'a>(&'a self, other: &'a str) -> (&'a str, usize) {
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
    ///
    /// # Errors
    ///
    /// When there is no such title.
    fn get(&self, id: u32) -> Answer<String>;
    /// A read without a receiver.
    fn largest(of: &[u32]) -> Option<u32>;
    /// A write.
    fn set(&mut self, id: u32, title: &str);
}

#[cached_impl]
impl Titles for Repo {
    #[cached_query(ttl = "5m", tags("title:{id}"))]
    fn get(&self, id: u32) -> Answer<String> {
        self.titles.get(&id).cloned().ok_or(Error)
    }

    #[cached_query(ttl = "5m")]
    fn largest(of: &[u32]) -> Option<u32> {
        of.iter().max().copied()
    }

    #[invalidates(get(id), "get_track")]
    fn set(&mut self, id: u32, title: &str) {
        let _ = self.titles.insert(id, title.to_owned());
    }
}

/// A trait with provided methods.
#[cached_impl]
pub trait Provided: HasCache {
    /// What is read.
    fn raw(&self, id: u32) -> u32;

    /// A read.
    #[cached_query(ttl = "5m")]
    fn doubled(&self, id: u32) -> u32 {
        self.raw(id) * 2
    }

    /// A write.
    #[invalidates("doubled")]
    fn touch(&self) {}
}

impl Provided for Repo {
    fn raw(&self, id: u32) -> u32 {
        id + self.unused(1)
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
    pub fn row(&self, at: usize) -> Option<T> {
        self.rows.get(at).cloned()
    }

    /// A write.
    #[invalidates(row(at), tags("row:{at}"))]
    pub fn touch(&self, at: usize) -> usize {
        at + self.rows.len()
    }
}

/// A free function.
#[cached_query(ttl = "5m", tags("day:{day}"))]
pub fn rate(day: u32) -> u32 {
    day * 2
}

#[cached_query(ttl = "5m", cache = &OTHER, skip(loud))]
fn price(of: &str, loud: bool) -> usize {
    of.len() + usize::from(loud)
}

/// A write that is a free function.
#[invalidates("rate", tags("day:{day}"))]
#[invalidates(price("a", true), cache = &OTHER)]
pub fn publish(day: u32) {}

/// Writes that are in an `impl`, and name what stands beside it.
struct Publisher;

impl Publisher {
    // Without `self::` the one would be a function of the `impl`.
    #[invalidates(self::rate(day))]
    fn publish(day: u32) {}
}

/// A write to a repository.
#[invalidates("Repo::get_track", Repo::title(1), cache = repo.cache())]
pub fn update(repo: &Repo) {}

#[allow(dead_code, reason = "as a library it is not called")]
fn main() {
    let mut repo = Repo::new();
    assert_eq!(repo.get_track(1).map(|track| track.title).ok(), Some("One".to_owned()));
    assert_eq!((repo.count(), repo.of_crate(5), repo.constant()), (2, 7, 2));
    assert_eq!(repo.find("", &[1], (1, ""), None, Cow::Borrowed("")), [1]);
    assert!(repo.filtered(Filter { prefix: "T", volume: 0.5 }).is_some() && repo.skipped(1, 0.5));
    assert_eq!((repo.pattern((1, 2), 3, [4, 5], 6), repo.generic('a', [0; 3]), repo.displayed(&1)), (13, 6, 3));
    assert_eq!((repo.longest("a", "bc"), repo.title(1)), ("bcOne".to_owned(), "One".to_owned()));
    assert!(repo.check(1).is_ok() && repo.check(3).is_err() && Titles::get(&repo, 1).is_ok());
    assert_eq!((Repo::total(1), Repo::largest(&[1, 2]), repo.doubled(1)), (2, Some(2), 6));
    let before = repo.cache.len();
    repo.change(1, "Uno");
    assert_eq!(repo.title(1), "One");
    assert!(repo.rename(1, "One").is_ok() && repo.cache.len() < before);
    repo.set(2, "Due");
    repo.touch();
    assert_eq!(repo.borrow("x"), ("x", 2));
    assert_eq!((repo.take(2).map(|track| track.id).ok(), Repo::sell(1)), (Some(2), 1));
    let session = Session::new(&[5, 6], repo.cache());
    assert_eq!((session.row(1), session.touch(1), session.row(2)), (Some(6), 3, None));
    assert_eq!((rate(1), price("a", true)), (2, 2));
    let transaction = repo.cache.transaction();
    let mut inside = Repo { titles: repo.titles.clone(), cache: transaction.cache() };
    let mut begun = Transaction(1);
    inside.write_inside(&mut begun, 1);
    assert_eq!(inside.read_inside(&begun, 1), 4);
    transaction.commit();
    assert!(repo.replace(vec![7], None).is_none());
    assert!(repo.skipped(1, 0.5));
    publish(1);
    Publisher::publish(1);
    update(&repo);
    assert_eq!((OTHER.len(), repo.clear((1, 2), 3), repo.cache.len()), (1, 1, 0));
    assert!(repo.consume().is_empty());
    let shared = Arc::new(Repo::new());
    assert_eq!((shared.shared_reference(1), shared.shared(1)), (3, 3));
}
