//! The attributes of `cache-core`, which re-exports them: depend on that crate, not on this one.
//!
//! `parse` takes the options and the function apart, but not the body, and refuses an option that is wrong by itself;
//! `validate` refuses what does not fit the function, and says what would; `expand` writes a call into `cache_core` around
//! the body. After an error, `fallback` leaves the function
//! as it was.

#![forbid(unsafe_code)]

use proc_macro::TokenStream;

mod attribute;
mod cached_impl;
mod derive;
mod entry;
mod errors;
mod expand;
mod fallback;
mod parse;
#[cfg(test)]
mod tests;
mod validate;

/// Caches the return value of a function, under its arguments.
///
/// For methods with `&self`, `self: Arc<Self>`, `self: &Arc<Self>` or one of these in a `Pin`, and functions without
/// `self`, `async` or not, generic or not. An `impl` of a trait needs [`macro@cached_impl`]. The body runs on a miss,
/// and its value is stored: of a `Result`, only the `Ok`.
///
/// | option | meaning |
/// |---|---|
/// | `ttl = 300`, `ttl = "5m"`, `ttl = expr` | time to live: a literal number of seconds, a string with units, or a `Duration`; default: that of the cache |
/// | `own_ttl` | the value expires by its own time to live alone |
/// | `ttl_from = \|value\| ..` | time to live from the value, as a `Duration`, instead of `ttl` |
/// | `jitter = "10%"` | each time to live is shorter by up to this share |
/// | `stale_if_error = "1h"` | if a load fails, its callers get the expired value, for so long after it expired |
/// | `retry_after = "1s"` | after a failed load none begins for so long, while there is a value to serve; default: one second |
/// | `refresh_ahead = "1m"` | so long before a value expires, one caller loads anew, and the others get the value |
/// | `stale_while_revalidate = "30s"` | the same, for so long after the value expired |
/// | `background` | these loads run on the runtime of the cache, and no caller waits |
/// | `soft_timeout = "200ms"` | a caller that has waited so long gets the expired value, and the load goes on; needs `background` |
/// | `key(expr, ..)` | these expressions are the key, instead of all arguments |
/// | `skip(arg, ..)` | these arguments are not part of the key |
/// | `secret(arg, ..)` | these arguments are part of the key, but listings show `***` |
/// | `each = ids` | this list is cached by each of its ids, and the body runs for those that are missing |
/// | `tags("all", "artist:{artist_id}", expr)` | tags: strings, formatted from the arguments like `format!`, or `Into<Tag>` |
/// | `tags_from = \|value\| ..` | more tags, from the value: an iterator of `Into<Tag>` |
/// | `cache_if = \|value\| ..` | only values for which this is true are stored |
/// | `weight = \|value\| ..` | what the entry counts of `CacheBuilder::max_weight`, as a `usize`; default: 1 |
/// | `capacity = n` | at most `n` entries of this query, in all scopes together, for each type of `Self`: a constant `usize`; default: the limit of the cache. With 0 nothing is stored |
/// | `shared` | other processes may have the entry, or get it, if the cache has a `SharedTier`; needs the feature `shared` |
/// | `cache = expr` | the cache, as a `&Cache`; default: `HasCache` of `self`, or `Cache::global()` without `self` |
/// | `in_transaction` | it is called through the handle of a transaction; `in_transaction = false`: its arguments are no transaction |
/// | `name = "text"` | the name in statistics and for invalidation at run time; default: that of the function |
/// | `crate = path` | the absolute path of `cache_core`, if it is renamed or re-exported |
///
/// # `ttl`
///
/// Units: `d`, `h`, `m`, `s`, `ms`, `us`, `ns`, the longest first. The time counts from the start of the body. An
/// expression is evaluated on a miss, before the body.
///
/// ```
/// # use cache_core::{cached_query, Cache, HasCache};
/// # use std::time::Duration;
/// # #[derive(HasCache)]
/// # struct Rates { ttl: Duration, cache: Cache }
/// impl Rates {
///     #[cached_query(ttl = "1h30m")]
///     fn slow(&self) -> u32 { 1 }
///
///     #[cached_query(ttl = 90)] // seconds
///     fn fast(&self) -> u32 { 2 }
///
///     #[cached_query(ttl = self.ttl)]
///     fn configured(&self) -> u32 { 3 }
/// }
/// # let rates = Rates { ttl: Duration::from_secs(7), cache: Cache::new() };
/// # let _ = (rates.slow(), rates.fast());
/// # rates.cache.invalidate_all();
/// # rates.configured();
/// # assert!(rates.cache.entries()[0].expires_in <= rates.ttl);
/// ```
///
/// # `own_ttl`
///
/// A value made from other cached values expires no later than they do. With `own_ttl` it expires by its own `ttl` or
/// the default of the cache, and may show data as old as both times together. It is still invalidated with them.
///
/// ```
/// # use cache_core::{cached_query, Cache, HasCache};
/// # #[derive(HasCache)]
/// # struct Library { cache: Cache }
/// impl Library {
///     #[cached_query(ttl = "10s")]
///     fn plays(&self, track: u32) -> u64 {
///         // ..
///         # u64::from(track)
///     }
///
///     #[cached_query(ttl = "1h", own_ttl)] // a chart may be older than the figures in it
///     fn chart(&self) -> Vec<u64> {
///         (1..=10).map(|track| self.plays(track)).collect()
///     }
/// }
/// # let library = Library { cache: Cache::new() };
/// # library.chart();
/// # let entries = library.cache.entries();
/// # let chart = entries.iter().find(|entry| entry.query == "chart").unwrap();
/// # assert!(chart.expires_in > std::time::Duration::from_secs(60));
/// ```
///
/// # `ttl_from` and `jitter`
///
/// `ttl_from` gets a value that `cache_if` accepts, of a `Result` the `Ok`, with [`each`](#each) that of one id. The time
/// counts from the start of the body too. A value whose time is 0 is not stored.
///
/// Values that were loaded together expire together, and are loaded together again. With `jitter` each time to live is
/// shorter by a random part of up to this share. It is more than 0 and less than 100 %, with at most four digits after
/// the point.
///
/// ```
/// # use cache_core::{cached_query, Cache, HasCache};
/// # use std::time::Duration;
/// # #[derive(Clone)]
/// # struct Page { max_age: Duration }
/// # #[derive(HasCache)]
/// # struct Site { cache: Cache }
/// impl Site {
///     #[cached_query(ttl_from = |page| page.max_age)]
///     fn page(&self, url: &str) -> Page {
///         // ..
///         # let _ = url;
///         # Page { max_age: Duration::from_secs(20) }
///     }
///
///     #[cached_query(ttl = "5m", jitter = "10%")] // from 4m30s to 5m
///     fn links(&self, url: &str) -> Vec<String> {
///         // ..
///         # vec![url.to_owned()]
///     }
/// }
/// # let site = Site { cache: Cache::new() };
/// # site.page("/");
/// # assert!(site.cache.entries()[0].expires_in <= Duration::from_secs(20));
/// # site.cache.invalidate_all();
/// # site.links("/");
/// # let left = site.cache.entries()[0].expires_in;
/// # assert!(left <= Duration::from_secs(300) && left > Duration::from_secs(260));
/// ```
///
/// # `stale_if_error` and `retry_after`
///
/// If a load fails, its caller and its waiters get the value that has expired, if that is no longer ago than
/// `stale_if_error`. The function returns a `Result`; the error is counted. After a failed load none begins for
/// `retry_after`, and each call gets the old value at once: an outage does not make each call wait for its own failure.
/// A value that was invalidated is never served.
///
/// Their times are those of `ttl`, but an expression is a constant, the same for all calls.
///
/// ```
/// # use cache_core::{cached_query, Cache, HasCache, ManualClock};
/// # use std::sync::atomic::{AtomicBool, Ordering};
/// # use std::time::Duration;
/// # #[derive(HasCache)]
/// # struct Rates { is_down: AtomicBool, cache: Cache }
/// impl Rates {
///     #[cached_query(ttl = "5m", stale_if_error = "1h", retry_after = "10s")]
///     fn rate(&self, currency: &str) -> Result<f64, String> {
///         // ..
///         # let _ = currency;
///         # if self.is_down.load(Ordering::Relaxed) { Err("down".into()) } else { Ok(1.5) }
///     }
/// }
/// # let clock = ManualClock::new();
/// # let cache = Cache::builder().clock(clock.clone()).build();
/// # let rates = Rates { is_down: AtomicBool::new(false), cache };
/// # rates.rate("EUR").unwrap();
/// # rates.is_down.store(true, Ordering::Relaxed);
/// # clock.advance(Duration::from_secs(20 * 60));
/// # assert_eq!(rates.rate("EUR"), Ok(1.5));
/// # clock.advance(Duration::from_secs(3600));
/// # assert!(rates.rate("EUR").is_err());
/// ```
///
/// # `refresh_ahead` and `stale_while_revalidate`
///
/// Loads anew so long before a value expires, or after it has: one caller loads, and all others get the old value at
/// once. So does that caller if its load fails. `refresh_ahead` is shorter than the `ttl`. A load is like any other: if
/// the key is invalidated meanwhile, nobody gets the old value, and that of the load is not stored.
///
/// ```
/// # use cache_core::{cached_query, Cache, HasCache, ManualClock};
/// # use std::time::Duration;
/// # #[derive(HasCache)]
/// # struct Library { cache: Cache }
/// impl Library {
///     #[cached_query(ttl = "5m", refresh_ahead = "1m", stale_while_revalidate = "30s")]
///     fn chart(&self) -> Vec<String> {
///         // ..
///         # Vec::new()
///     }
/// }
/// # let clock = ManualClock::new();
/// # let library = Library { cache: Cache::builder().clock(clock.clone()).build() };
/// # library.chart();
/// # clock.advance(Duration::from_secs(270));
/// # library.chart();
/// # assert_eq!(library.cache.stats().loads, 2);
/// ```
///
/// # `background` and `soft_timeout`
///
/// With `background` such a load runs on the runtime that the cache was given, and its caller gets the old value too.
/// The load outlives the call, so the body borrows nothing: a method takes `self: Arc<Self>`, arguments are taken by
/// value, and `cache_if`, `tags_from`, `ttl_from` and `weight` use the value alone.
///
/// `soft_timeout` is for an `async fn` with `background`: if there is an expired value that may be served, and the load
/// takes longer than this, the caller gets that value, and the load goes on. So `stale_if_error` need not wait for an
/// error.
///
/// ```
/// # use cache_core::{cached_query, Cache, HasCache};
/// # use std::sync::Arc;
/// # #[derive(HasCache)]
/// # struct Rates { cache: Cache }
/// impl Rates {
///     #[cached_query(ttl = "5m", refresh_ahead = "1m", stale_if_error = "1h", background, soft_timeout = "200ms")]
///     async fn rate(self: Arc<Self>, currency: String) -> Result<f64, String> {
///         // ..
///         # let _ = currency;
///         # Ok(1.5)
///     }
/// }
/// # futures_lite::future::block_on(async {
/// # let rates = Arc::new(Rates { cache: Cache::new() });
/// # assert_eq!(rates.rate("EUR".to_owned()).await, Ok(1.5));
/// # });
/// ```
///
/// # The key: `key` and `skip`
///
/// The key is all arguments, the type of `Self`, and the generic arguments, but not `self`: see *What is shared* at
/// `Cache`. Arguments are `Hash + Eq + Clone + Send + Sync + 'static`. References are copied only to be stored: `&str`,
/// `&[T]`, `&T`, and these within `Option`, tuples, arrays, slices, `Vec`, `Box` and `Cow`. Listings show arguments
/// with `Debug`. A pattern counts as the names that it binds.
///
/// Use `skip` for arguments that do not affect the value, or cannot be part of a key. The expressions of `key` may
/// mention arguments and `self`; each call evaluates them.
///
/// ```
/// # use cache_core::{cached_query, Cache, HasCache};
/// # struct Connection;
/// # struct Filter<'a> { text: &'a str, limit: u32 }
/// # #[derive(HasCache)]
/// # struct Tracks { tenant: u32, cache: Cache }
/// impl Tracks {
///     #[cached_query(skip(connection))]
///     fn get(&self, connection: &mut Connection, id: u32) -> Option<String> {
///         // ..
/// #       let _ = (connection, id);
/// #       None
///     }
///
///     #[cached_query(key(self.tenant, filter.text, filter.limit))]
///     fn search(&self, filter: &Filter<'_>) -> Vec<String> {
///         // ..
/// #       let _ = filter;
/// #       Vec::new()
///     }
/// }
/// # let tracks = Tracks { tenant: 7, cache: Cache::new() };
/// # tracks.get(&mut Connection, 1);
/// # assert_eq!(tracks.cache.entries()[0].arguments, "id = 1");
/// # tracks.cache.invalidate_all();
/// # tracks.search(&Filter { text: "a", limit: 2 });
/// # assert_eq!(tracks.cache.entries()[0].arguments, r#"self.tenant = 7, filter.text = "a", filter.limit = 2"#);
/// ```
///
/// # `secret`
///
/// Listings, explanations and events show the arguments of an entry. Those that `secret(..)` names are shown as `***`, and
/// need no `Debug`. They are part of the key like others: an entry holds them in memory. With `key(..)` every part that is
/// made from a named argument is secret; other parts are repeated, as in `secret(self.token)`. Tags are shown, so none is
/// made from a secret. What a value shows of it, and the messages of its errors, are yours.
///
/// ```
/// # use cache_core::{cached_query, Cache, HasCache};
/// # #[derive(HasCache)]
/// # struct Users { api_key: String, cache: Cache }
/// impl Users {
///     #[cached_query(ttl = "1m", secret(password))]
///     fn log_in(&self, user: &str, password: &str) -> bool {
///         // ..
///         # user == password
///     }
///
///     #[cached_query(key(self.api_key, id), secret(self.api_key))]
///     fn profile(&self, id: u32) -> Option<String> {
///         // ..
///         # let _ = id;
///         # None
///     }
/// }
/// # let users = Users { api_key: "k3y".into(), cache: Cache::new() };
/// # users.log_in("ann", "hunter2");
/// # assert_eq!(users.cache.entries()[0].arguments, r#"user = "ann", password = ***"#);
/// # users.cache.invalidate_all();
/// # users.profile(1);
/// # assert_eq!(users.cache.entries()[0].arguments, "self.api_key = ***, id = 1");
/// ```
///
/// # `each`
///
/// For a function that takes a list of ids and returns what belongs to them, as a map or any other collection of pairs:
/// each id is an entry of its own. The body runs once for those that are neither stored nor being loaded. It runs again
/// for those that another call was loading and did not bring. An id that it does not return is remembered as absent. A
/// list without ids runs no body.
///
/// The list is `&[T]`, `&[T; N]`, `Vec<T>`, or another type with `iter()` that is collected from `T`, by value or by
/// reference: `HashSet<T>`, `Arc<[T]>`, `Cow<'_, [T]>`. The body gets a part of it (of an array a slice). Other arguments
/// that are taken by value are cloned for each run of the body, but for skipped ones and `self`, which it borrows.
///
/// In `tags`, `key` and `ttl` one id is called `id`, and is a `&T`. A `key(..)` mentions it. `cache_if`, `tags_from`,
/// `ttl_from` and `weight` get an `&Option` of the value of one id. A target names one id by value, in the place of the
/// list. There is no `entry!` of such a query.
///
/// ```
/// # use cache_core::{cached_query, invalidates, Cache, HasCache};
/// # use std::collections::HashMap;
/// # use std::sync::Mutex;
/// # #[derive(HasCache)]
/// # struct Library { asked: Mutex<Vec<u32>>, cache: Cache }
/// impl Library {
///     #[cached_query(each = ids, ttl = "5m", tags("track:{id}"))]
///     fn tracks(&self, ids: &[u32], language: &str) -> Result<HashMap<u32, String>, std::io::Error> {
///         // ..
///         # self.asked.lock().unwrap().extend(ids);
///         # Ok(ids.iter().map(|id| (*id, format!("{language} {id}"))).collect())
///     }
///
///     #[invalidates(tracks(id, "en"))]
///     fn rename(&self, id: u32, title: &str) {
///         // ..
///         # let _ = title;
///     }
///
///     #[invalidates(for id in ids { tracks(*id, "en") })]
///     fn remove(&self, ids: &[u32]) {
///         // ..
///     }
/// }
/// # let library = Library { asked: Mutex::default(), cache: Cache::new() };
/// # let asked = |ids: &[u32]| {
/// #     library.tracks(ids, "en").unwrap();
/// #     std::mem::take(&mut *library.asked.lock().unwrap())
/// # };
/// # assert_eq!(asked(&[1, 2]), [1, 2]);
/// # assert_eq!(asked(&[2, 3]), [3]);
/// # library.rename(2, "a");
/// # assert_eq!(asked(&[1, 2, 3]), [2]);
/// # library.remove(&[1, 3]);
/// # assert_eq!(asked(&[1, 2, 3]), [1, 3]);
/// ```
///
/// # `tags` and `tags_from`
///
/// An entry is invalidated with any of its tags, by `#[invalidates(tags(..))]` or `Cache::invalidate_tags`. `tags` are
/// made on a miss, before the body. `tags_from` gets a value that `cache_if` accepts, of a `Result` the `Ok`. The value
/// is not stored if one of its tags is invalidated while the body runs, or more than a few hundred unknown ones: see
/// the guide of `cache_core`.
///
/// ```
/// # use cache_core::{cached_query, Cache, HasCache};
/// # #[derive(Clone)]
/// # struct Album { artist: u32 }
/// # #[derive(HasCache)]
/// # struct Library { cache: Cache }
/// impl Library {
///     #[cached_query(tags("catalogue", "artist:{artist:04}"))]
///     fn albums_of(&self, artist: u32) -> Vec<Album> {
/// #       vec![Album { artist }]
///         // ..
///     }
///
///     #[cached_query(tags_from = |album| [format!("artist:{:04}", album.artist)])]
///     fn album(&self, id: u32) -> Result<Album, std::io::Error> {
/// #       Ok(Album { artist: id })
///         // ..
///     }
/// }
/// # let library = Library { cache: Cache::new() };
/// # library.albums_of(7);
/// # library.album(7).unwrap();
/// # assert_eq!(library.cache.len(), 2);
/// # library.cache.invalidate_tags(["artist:0007"]);
/// # assert!(library.cache.is_empty());
/// ```
///
/// # `cache_if`
///
/// A value for which it is false goes to all waiters, but is not stored.
///
/// ```
/// # use cache_core::{cached_query, Cache, HasCache};
/// # #[derive(HasCache)]
/// # struct Jobs { cache: Cache }
/// impl Jobs {
///     #[cached_query(cache_if = |state| state == "done")]
///     fn state(&self, id: u32) -> Result<String, std::io::Error> {
/// #       let _ = id;
/// #       Ok("running".into())
///         // ..
///     }
/// }
/// # let jobs = Jobs { cache: Cache::new() };
/// # jobs.state(1).unwrap();
/// # assert!(jobs.cache.is_empty());
/// ```
///
/// # `weight`
///
/// With `CacheBuilder::max_weight` the weights of all entries together are never more than that: in bytes, or whatever
/// they count. A value that is heavier than that is not stored.
///
/// ```
/// # use cache_core::{cached_query, Cache, HasCache};
/// # #[derive(HasCache)]
/// # struct Covers { cache: Cache }
/// impl Covers {
///     #[cached_query(weight = |image| image.len())]
///     fn cover(&self, album: u32) -> Vec<u8> {
///         // ..
///         # vec![0; album as usize]
///     }
/// }
///
/// let covers = Covers { cache: Cache::builder().max_weight(100_000_000).build() };
/// # let covers = Covers { cache: Cache::builder().max_weight(1_000).build() };
/// # covers.cover(600);
/// # covers.cover(700);
/// # assert_eq!(covers.cache.len(), 1);
/// # covers.cover(1_001);
/// # assert!(covers.cache.entries().iter().all(|entry| entry.arguments != "album = 1001"));
/// ```
///
/// # `capacity` and `name`
///
/// ```
/// # use cache_core::{cached_query, Cache, HasCache};
/// # #[derive(HasCache)]
/// # struct Library { cache: Cache }
/// impl Library {
///     #[cached_query(capacity = 100, name = "search_tracks")] // any text may be searched for
///     fn search(&self, text: &str) -> Vec<String> {
/// #       vec![text.to_owned()]
///         // ..
///     }
/// }
/// # let library = Library { cache: Cache::new() };
/// # for n in 0..200 { library.search(&n.to_string()); }
/// # assert!(library.cache.len() <= 100);
/// # library.cache.invalidate(["search_tracks"]);
/// # assert!(library.cache.is_empty());
/// ```
///
/// # `shared`
///
/// A cache with a `SharedTier`, as that of the crate `cache-redis`, has a second level that several processes share: a
/// miss asks it before the body runs, and gives it the value afterwards. In a cache without a tier the option changes
/// nothing. It needs the feature `shared` of `cache_core`, which `cache-redis` turns on. All queries of a cache with a
/// tier hear the invalidations of other processes, also those without `shared`.
///
/// The value, of a `Result` the `Ok`, has serde's `Serialize` and `DeserializeOwned`, and each part of the key has
/// `Serialize`. Other processes, and other releases of the program, know a key by its serialized parts. So keys that are
/// equal must be serialized alike, and others not: a `#[serde(skip)]` in a key makes two keys one. A key that cannot be
/// serialized is not shared, and as a target it means the whole query to other processes.
///
/// There is no `secret` in it, as others can read the keys, and no [`each`](#each): a query of one id is shared, which
/// the body of a list may call.
///
/// ```
/// # use cache_core::{cached_query, Cache, HasCache};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize)]
/// enum Genre { Jazz, Rock }
///
/// #[derive(Clone, Serialize, Deserialize)]
/// struct Track { title: String }
///
/// # #[derive(HasCache)]
/// # struct Library { cache: Cache }
/// impl Library {
///     #[cached_query(ttl = "5m", shared)]
///     fn by_genre(&self, genre: &Genre, limit: u32) -> Result<Vec<Track>, std::io::Error> {
///         // ..
///         # let _ = (genre, limit);
///         # Ok(vec![Track { title: "a".into() }])
///     }
/// }
/// # let library = Library { cache: Cache::new() };
/// # assert_eq!(library.by_genre(&Genre::Jazz, 5).unwrap()[0].title, "a");
/// # library.by_genre(&Genre::Jazz, 5).unwrap();
/// # library.by_genre(&Genre::Rock, 5).unwrap();
/// # assert_eq!((library.cache.stats().hits, library.cache.stats().loads), (1, 2));
/// ```
///
/// # `in_transaction`
///
/// What a transaction reads may never be committed, and must not be cached. So a query with an argument whose type is
/// named like a transaction (`Transaction` of rusqlite, sqlx, postgres, tokio-postgres and mysql, sqlx's aliases,
/// rusqlite's `Savepoint`, sea-orm's `DatabaseTransaction`) does not compile without this option. With it the query is
/// called through the handle of a `CacheTransaction`, whose reads are not stored, and panics with any other handle. For
/// a type of that name that is no transaction of a database, write `in_transaction = false`. Other types, as of diesel,
/// are not recognised.
///
/// ```
/// # use cache_core::{cached_query, Cache, HasCache};
/// # struct Transaction;
/// #[derive(HasCache)]
/// struct Tracks { cache: Cache }
///
/// impl Tracks {
///     #[cached_query(in_transaction, skip(transaction))]
///     fn get(&self, transaction: &Transaction, id: u32) -> Option<String> {
/// #       let _ = (transaction, id);
/// #       None
///         // ..
///     }
/// }
///
/// # let begun = Transaction;
/// # let tracks = Tracks { cache: Cache::new() };
/// let transaction = tracks.cache.transaction();
/// let inside = Tracks { cache: transaction.cache() };
/// inside.get(&begun, 1);
/// // commit of the database, then
/// transaction.commit();
/// # assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| tracks.get(&begun, 1))).is_err());
/// ```
///
/// # `cache`
///
/// The expression may mention arguments.
///
/// ```
/// # use cache_core::{cached_query, Cache};
/// #[cached_query(cache = cache, skip(cache))]
/// fn rate(cache: &Cache, currency: &str) -> f64 {
/// #   let _ = currency;
/// #   1.5
///     // ..
/// }
/// # let cache = Cache::new();
/// # rate(&cache, "EUR");
/// # assert_eq!(cache.entries()[0].arguments, "currency = \"EUR\"");
/// ```
///
/// # `crate`
///
/// ```
/// mod reexport {
///     pub use cache_core as cache;
/// }
///
/// #[reexport::cache::cached_query(crate = crate::reexport::cache)]
/// fn answer() -> u32 {
///     42
/// }
/// # fn main() { assert_eq!(answer(), 42); }
/// ```
///
/// # The value
///
/// It is `Clone + Send + Sync + 'static`, and cloned for each caller: return an `Arc` if that is slow.
///
/// A `Result` is recognised by its type, also through an alias. A generic return type that stands for a `Result` is not
/// stored.
///
/// An error needs no bounds. It may borrow, if a lifetime or a reference in the return type says so, as in
/// `Result<u32, Error<'_>>`. An error that is `Clone + Send + Sync + 'static` (and `Unpin`, as nearly every type is) is
/// shared with the waiters of a failed load, unless the error part of the return type (behind an alias: any part) names
/// a generic parameter of the function, `Self`, or a lifetime other than `'static`. In a [`macro@cached_impl`] for a
/// type without parameters `Self` is allowed. A parameter of the `impl` is shared if it has all of these bounds.
///
/// # Calls at the same time
///
/// Concurrent calls for one key run the body once, and all get its value. A call that starts after an invalidation does
/// not wait for a body that the invalidation made out of date. A waiter takes the value of any body that began after
/// the waiter arrived, stored or not.
///
/// An `Err` ends all waiting: an error that can be shared (see above) goes to all waiters, otherwise each runs its own
/// body at once. At most eight of these for one key may be joined and stored. If the body panics or its future is
/// dropped, exactly one waiter runs its body next.
///
/// Waiters are woken only when the body ends: a body that may hang needs a timeout. If nothing can be stored (capacity
/// 0, a `ttl` shorter than the body), each call runs its body.
///
/// # Bodies that call queries
///
/// An entry depends on all that its body reads through other cached queries or a `TaggedCache`, also on their errors:
/// it is invalidated with them, and expires no later (except with `own_ttl`). So `#[invalidates]` need only name the
/// inner query. This holds through awaits and `join!`, to any depth, and between caches. A thread or task that the body
/// spawns needs a `cache_core::LoadContext`. Reads after the load have no effect.
///
/// ```
/// # use cache_core::{cached_query, invalidates, Cache, HasCache};
/// # #[derive(HasCache)]
/// # struct Shop { cache: Cache }
/// impl Shop {
///     #[cached_query]
///     fn price(&self, item: u32) -> u32 {
/// #       item * 100
///         // ..
///     }
///
///     #[cached_query]
///     fn total(&self, items: Vec<u32>) -> u32 {
///         items.iter().map(|&item| self.price(item)).sum()
///     }
///
///     #[invalidates(price(item))] // and the totals made from it
///     fn set_price(&self, item: u32, price: u32) {
/// #       let _ = (item, price);
///         // ..
///     }
/// }
/// # let shop = Shop { cache: Cache::new() };
/// # shop.total(vec![1, 2]);
/// # shop.total(vec![3]);
/// # assert_eq!(shop.cache.len(), 5);
/// # shop.set_price(2, 5);
/// # assert_eq!(shop.cache.len(), 3);
/// ```
///
/// A body may call its own query, with the same arguments too, directly or through others. A call that would wait for
/// itself, on one thread or in a circle of several, runs its body instead; only the outermost value is stored. A body
/// waits forever if it waits for *another* thread that calls the same query, as by joining it, unless that thread runs
/// within the body's `LoadContext`.
///
/// # `async fn`
///
/// All of this holds for asynchronous functions, on any executor, and on several at once. A hit is ready at the first
/// poll, and allocates nothing. Waiting tasks yield.
///
/// ```
/// # use cache_core::{cached_query, invalidates, Cache, HasCache};
/// # #[derive(HasCache)]
/// # struct Tracks { cache: Cache }
/// # impl Tracks { async fn fetch(&self, _: &str) -> Result<Option<String>, std::io::Error> { Ok(None) } }
/// impl Tracks {
///     #[cached_query(ttl = "5m")]
///     async fn get(&self, id: u32) -> Result<Option<String>, std::io::Error> {
///         self.fetch(&format!("/tracks/{id}")).await
///     }
///
///     #[invalidates(get(id))]
///     async fn rename(&self, id: u32, title: &str) -> Result<(), std::io::Error> {
///         // ..
///         # let _ = title;
///         # Ok(())
///     }
/// }
/// # futures_lite::future::block_on(async {
/// # let tracks = Tracks { cache: Cache::new() };
/// # tracks.get(1).await.unwrap();
/// # tracks.get(1).await.unwrap();
/// # assert_eq!(tracks.cache.stats().hits, 1);
/// # tracks.rename(1, "a").await.unwrap();
/// # assert!(tracks.cache.is_empty());
/// # });
/// ```
///
/// The future may be dropped at any time: if its body was running, exactly one waiter runs its own next; a waiting one
/// leaves no trace. It is `Send` if that of the body is. It is larger by some 100 bytes and a second copy of the
/// arguments: take large ones by reference, or in an `Arc`.
///
/// Three circles of waits cannot be detected, and last forever:
///
/// - A body spawns a task that calls the same query, and awaits that task. Await the query in the body instead, or
///   several in a `join!`, or instrument the task with `LoadContext`.
/// - A future whose body has begun is neither polled nor dropped, as by a `select!` that borrowed it, while the same
///   task calls the same query. Drop it first.
/// - A task blocks its thread until a body ends for which the executor has no other thread.
///
/// A function that returns a future, as `impl Future` or in a box, is refused: make it an `async fn`. With
/// `#[async_trait]`, [`macro@cached_impl`] stands above it.
///
/// # In traits
///
/// A provided method may be annotated too. The trait is then dyn compatible only with [`macro@cached_impl`].
///
/// # Panics
///
/// When the body does. Nothing is stored, and no other caller gets the panic.
///
/// ```
/// # use cache_core::{cached_query, Cache};
/// static PRIMES: std::sync::LazyLock<Cache> = std::sync::LazyLock::new(|| Cache::builder().capacity(50).build());
///
/// #[cached_query(ttl = "1h", cache = &PRIMES)]
/// fn is_prime(n: u64) -> bool {
///     n > 1 && (2..n).take_while(|d| d * d <= n).all(|d| n % d != 0)
/// }
///
/// assert!(is_prime(97) && is_prime(97));
/// assert_eq!(PRIMES.stats().loads, 1);
/// ```
#[proc_macro_attribute]
pub fn cached_query(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute::cached_query(options.into(), &item.into()).into()
}

/// Invalidates the entries that a mutation makes out of date, when its body has ended.
///
/// For any function, with any receiver (`Pin<&mut Self>` too), also in an `impl` of a trait. All targets in one cache
/// take effect at one version: no load sees only some of them. Values made from an invalidated one are invalidated too.
///
/// | target | what is invalidated |
/// |---|---|
/// | `"get_track"` or `get_track` | all entries of that query of the same `Self` type; without `self`, of that function in scope |
/// | `"Tracks::get"` or `Tracks::get` | all entries of a query of another type in the same cache; `"Self::total"` without `self` |
/// | `"rates::current"` or `rates::current` | all entries of a free function, in the global cache; in a method, `"self::current"` for a function beside it |
/// | `"r#loop"` or `r#loop` | a query whose name is a keyword |
/// | `get_track(id)` | the one entry for these arguments; also `Tracks::get(id)` |
/// | `\|track\| get_track(track.id)` | the one entry for arguments from the returned value, of a `Result` from the `Ok`; without a value all entries of the query |
/// | `get_track(_, id)` | the same, without the argument that the query skips |
/// | `tags("artist:{artist_id}", expr)` | all entries with one of these tags, formatted from the arguments like `format!` |
/// | `\|track\| tags(format!("artist:{}", track.artist_id))` | tags from the returned value; without a value everything |
/// | `put get_track(id)`, `put get_track(id) = \|track\| Some(track.clone())` | the one entry is replaced by the returned value, or by what a closure makes of it; invalidated if that is not certain to be current |
/// | `\|track\| put get_track(track.id) = track.clone()` | the same for arguments from the returned value; it needs `&self` |
/// | `for id in ids { get_track(*id); tags("track:{id}") }` | for each item of a list, which is borrowed; also after `\|value\|`, and within another `for` |
/// | `get_track(id?)` | of an `Option`; where there is nothing, the whole query, or everything for a tag. It never returns |
/// | `all` | all entries of the cache; through a scoped handle, of the scope; `"all"` is a query of that name |
///
/// and options:
///
/// | option | meaning |
/// |---|---|
/// | `on = "ok"` | only if the body returned `Ok`, or a type other than `Result` |
/// | `on_unreachable = "fail"` | if other processes cannot be told, the function returns an error, and its body does not run; default: `"queue"`, it runs, and they are told as soon as they can be |
/// | `cache = expr` | the cache of the targets, as for [`macro@cached_query`] |
/// | `in_transaction` | it is called through the handle of a transaction; `in_transaction = false`: its arguments are no transaction |
/// | `crate = path` | as for [`macro@cached_query`] |
///
/// A target whose query has a `cache = ..` needs the same here, or the code does not compile. So does a method's query
/// in a function without `self`. Targets in several caches take an attribute for each.
///
/// A name is that of the function, even if the query has another `name`. The compiler checks it: a name that no query
/// has is an error under that string.
///
/// It invalidates when the body ends with `Ok`, with `Err`, or by a panic. A failed mutation may have done half of its
/// work: one entry too many costs a miss, one too few costs wrong answers. Use `on = "ok"` only if an `Err` certainly
/// changed nothing. Arguments taken by value are dropped before, unless the body gave them away.
///
/// An `async fn` also invalidates if its future is dropped half-done (not with `on = "ok"`), after the values of the
/// body are dropped. A future that was never polled invalidates nothing. Some databases finish a statement of a
/// dropped future after this invalidation: see *Writes that are dropped half-done* in the guide of `cache_core`.
///
/// ```
/// # use cache_core::{cached_query, invalidates, Cache, HasCache};
/// # #[derive(HasCache)]
/// # struct Users { cache: Cache }
/// impl Users {
///     #[cached_query(ttl = "5m")]
///     fn get(&self, id: u32) -> Option<String> {
///         # let _ = id;
///         // ..
///         # None
///     }
///
///     #[cached_query(ttl = "5m")]
///     fn list(&self) -> Vec<String> {
///         // ..
///         # Vec::new()
///     }
///
///     #[invalidates("list", get(id))]
///     fn rename(&mut self, id: u32, name: &str) -> Result<(), std::io::Error> {
///         # let _ = (id, name);
///         // ..
///         # Ok(())
///     }
///
///     #[invalidates(all, on = "ok")]
///     fn restore(&mut self) -> Result<(), std::io::Error> {
///         // ..
///         # Ok(())
///     }
/// }
/// # let mut users = Users { cache: Cache::new() };
/// # users.get(1);
/// # users.get(2);
/// # users.list();
/// # users.rename(1, "a").unwrap();
/// # assert_eq!(users.cache.entries()[0].arguments, "id = 2");
/// # users.restore().unwrap();
/// # assert!(users.cache.is_empty());
/// ```
///
/// # One entry
///
/// `get_track(id)` takes all arguments of the query but `self`, and `_` in place of those that it skips; of a generic
/// query, as in `get::<Album>(id)`. The compiler checks them. They are evaluated before the body, which may give them away: only
/// their hash is kept. The entry is invalidated in the scope of the mutation's handle, or through the root handle in
/// every scope, at the same cost for any number. A load of the key in flight is invalidated too. If the closure of
/// `|track| get(track.id)` panics, every entry of the query is invalidated. Instantiations of a generic function that
/// differ only in a constant other than a `usize` are invalidated together.
///
/// ```
/// # use cache_core::{cached_query, invalidates, Cache, HasCache};
/// # #[derive(Clone)]
/// # struct Track { id: u32, title: String }
/// # #[derive(HasCache)]
/// # struct Library { cache: Cache }
/// impl Library {
///     #[cached_query]
///     fn by_title(&self, title: &str) -> Option<Track> {
///         # let _ = title;
///         // ..
///         # None
///     }
///
///     #[cached_query]
///     fn get(&self, id: u32) -> Option<Track> {
///         # let _ = id;
///         // ..
///         # None
///     }
///
///     #[invalidates(by_title(&title), |track| get(track.id))]
///     fn add(&self, title: String) -> Result<Track, std::io::Error> {
///         # Ok(Track { id: 7, title })
///         // ..
///     }
/// }
/// # let library = Library { cache: Cache::new() };
/// # library.by_title("a");
/// # library.by_title("b");
/// # library.get(7);
/// # library.add("a".into()).unwrap();
/// # assert_eq!(library.cache.entries()[0].arguments, "title = \"b\"");
/// # assert_eq!(library.cache.len(), 1);
/// ```
///
/// # `on_unreachable`
///
/// For a cache with a `SharedTier`. By default, `"queue"`, a mutation runs also if its invalidation cannot be published:
/// this process invalidates, and the others do as soon as the tier answers again. Until then they may serve what was
/// before.
///
/// With `"fail"` the mutation is announced before its body runs. If that fails, the body does not run, and the function
/// returns an error that is made from a `cache_core::PublishError`: it returns a `Result`, by an alias too, whose error has
/// `From<PublishError>`. With several attributes on one function each has its own. In a cache without a tier there is
/// nobody to tell, and the body runs. It needs the feature `shared` of `cache_core`.
///
/// ```
/// # use cache_core::{cached_query, invalidates, Cache, HasCache};
/// use cache_core::PublishError;
///
/// #[derive(Debug)]
/// enum Failed {
///     Unreachable(PublishError),
///     Database,
/// }
///
/// impl From<PublishError> for Failed {
///     fn from(error: PublishError) -> Self {
///         Self::Unreachable(error)
///     }
/// }
///
/// # #[derive(HasCache)]
/// # struct Accounts { cache: Cache }
/// impl Accounts {
///     #[cached_query(ttl = "5m")]
///     fn is_blocked(&self, id: u32) -> bool {
///         # let _ = id;
///         // ..
///         # false
///     }
///
///     #[invalidates(is_blocked(id), on_unreachable = "fail")]
///     fn block(&self, id: u32) -> Result<(), Failed> {
///         // ..
///         # if id == 0 { return Err(Failed::Database); }
///         # Ok(())
///     }
/// }
/// # let accounts = Accounts { cache: Cache::new() };
/// # accounts.is_blocked(1);
/// # accounts.block(1).unwrap();
/// # assert!(accounts.cache.is_empty());
/// # assert!(matches!(accounts.block(0), Err(Failed::Database)));
/// ```
///
/// # `in_transaction`
///
/// A function that borrows a transaction returns before the commit: it would invalidate too early, and another task
/// would cache the old row again. So with an argument as `&mut Transaction<..>` (of a type as listed at
/// [`macro@cached_query`]) it does not compile without this option. There are two ways:
///
/// - Take the transaction by value, and commit in the body.
/// - Write `in_transaction`. The function is called through the handle of a `CacheTransaction`, which invalidates after
///   the commit, and panics with any other handle. This also goes for a function that has no such argument, as where the
///   transaction is in `self`.
///
/// For a type of that name that is no transaction of a database, write `in_transaction = false`.
///
/// ```
/// # use cache_core::{cached_query, invalidates, Cache, HasCache};
/// # struct Transaction;
/// # impl Transaction { fn commit(self) {} }
/// #[derive(HasCache)]
/// struct Tracks { cache: Cache }
///
/// impl Tracks {
/// #   #[cached_query]
/// #   fn get(&self, id: u32) -> u32 { id }
///     #[invalidates(get(id), in_transaction)]
///     fn rename(&self, transaction: &mut Transaction, id: u32, title: &str) {
/// #       let _ = (transaction, title);
///         // ..
///     }
///
///     #[invalidates(get(id))]
///     fn delete(&self, transaction: Transaction, id: u32) {
///         // ..
///         transaction.commit();
///     }
/// }
///
/// # let mut begun = Transaction;
/// # let tracks = Tracks { cache: Cache::new() };
/// let transaction = tracks.cache.transaction();
/// Tracks { cache: transaction.cache() }.rename(&mut begun, 1, "Hello");
/// begun.commit();
/// transaction.commit(); // invalidates
/// # tracks.delete(Transaction, 1);
/// # let rename = || tracks.rename(&mut Transaction, 1, "Hello");
/// # assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(rename)).is_err());
/// ```
///
/// # Lists, options and skipped arguments
///
/// `for` iterates by reference over a slice, a `Vec`, an array, a set, a map, a pointer to one, or an iterator that is
/// `Clone`, before the body runs; the body may take the list. `?` takes what is in an `Option`. After `|value|` several
/// targets go in braces. With a `_` every skipped argument is one, and generic parameters that only these use are left
/// out. The chapter *Targets* of the guide of `cache_core` says more.
///
/// ```
/// # use cache_core::{cached_query, invalidates, Cache, HasCache};
/// # struct Connection;
/// # #[derive(Clone)]
/// # struct Track { id: u32, album: Option<u32> }
/// # #[derive(HasCache)]
/// # struct Library { cache: Cache }
/// impl Library {
///     #[cached_query(skip(connection))]
///     fn track(&self, connection: &Connection, id: u32) -> Option<Track> {
///         # let _ = (connection, id);
///         // ..
///         # None
///     }
///
///     #[cached_query]
///     fn album(&self, id: u32) -> Vec<Track> {
///         # let _ = id;
///         // ..
///         # Vec::new()
///     }
///
///     #[invalidates(for id in ids { track(_, *id) })]
///     fn delete(&self, ids: &[u32]) {
///         // ..
///     }
///
///     #[invalidates(|tracks| for track in tracks { track(_, track.id); album(track.album?) })]
///     fn import(&self) -> Result<Vec<Track>, std::io::Error> {
///         # Ok(vec![Track { id: 3, album: Some(1) }])
///         // ..
///     }
/// }
/// # let library = Library { cache: Cache::new() };
/// # for id in 1..=4 { library.track(&Connection, id); library.album(id); }
/// # library.delete(&[1, 2]);
/// # assert_eq!(library.cache.len(), 6);
/// # library.import().unwrap();
/// # assert_eq!(library.cache.len(), 4);
/// ```
///
/// # Tags
///
/// ```
/// # use cache_core::{cached_query, invalidates, Cache, HasCache};
/// # #[derive(HasCache)]
/// # struct Library { cache: Cache }
/// impl Library {
///     #[cached_query(tags("artist:{artist}"))]
///     fn albums_of(&self, artist: u32) -> Vec<String> {
///         # let _ = artist;
///         // ..
///         # Vec::new()
///     }
///
///     #[invalidates(tags("artist:{from}", "artist:{to}"))]
///     fn move_album(&self, album: u32, from: u32, to: u32) {
///         # let _ = album;
///         // ..
///     }
/// }
/// # let library = Library { cache: Cache::new() };
/// # for artist in 1..4 { library.albums_of(artist); }
/// # library.move_album(5, 1, 2);
/// # assert_eq!(library.cache.entries()[0].arguments, "artist = 3");
/// ```
#[proc_macro_attribute]
pub fn invalidates(targets: TokenStream, item: TokenStream) -> TokenStream {
    attribute::invalidates(targets.into(), &item.into()).into()
}

/// For an `impl` of a trait with a [`macro@cached_query`] in it, and for a trait that provides one.
///
/// The items of its queries, which [`macro@invalidates`] needs, go into a hidden trait, `__Cached_Tracks_for_Library`
/// for `impl Tracks for Library`. Other modules import it to name a query of this `impl` as `Library::get`. Two traits
/// may have queries of one name.
///
/// No options. An `impl` with [`macro@invalidates`] alone does not need it.
///
/// ```
/// use cache_core::{cached_impl, cached_query, invalidates, Cache, HasCache};
///
/// trait Tracks {
///     fn get(&self, id: u32) -> Option<String>;
///     fn rename(&self, id: u32, title: &str);
/// }
///
/// #[derive(HasCache)]
/// struct Library { cache: Cache }
///
/// #[cached_impl]
/// impl Tracks for Library {
///     #[cached_query(ttl = "5m")]
///     fn get(&self, id: u32) -> Option<String> {
///         # let _ = id;
///         // ..
///         # None
///     }
///
///     #[invalidates(get(id))]
///     fn rename(&self, id: u32, title: &str) {
///         # let _ = title;
///         // ..
///     }
/// }
/// # let library = Library { cache: Cache::new() };
/// # library.get(1);
/// # library.get(2);
/// # library.rename(1, "a");
/// # assert_eq!(library.cache.len(), 1);
/// ```
///
/// # With `#[async_trait]`
///
/// A native `async fn` needs nothing more. `#[async_trait]` rewrites functions before their own attributes see them, so
/// this goes above it, also in an `impl` with [`macro@invalidates`] alone:
///
/// ```
/// # use cache_core::{cached_impl, cached_query, invalidates, Cache, HasCache};
/// use async_trait::async_trait;
///
/// #[async_trait]
/// trait Users {
///     async fn name(&self, id: u32) -> String;
/// }
///
/// # #[derive(HasCache)]
/// # struct Http { cache: Cache }
/// #[cached_impl]
/// #[async_trait]
/// impl Users for Http {
///     #[cached_query(ttl = "5m")]
///     async fn name(&self, id: u32) -> String {
///         // ..
///         # id.to_string()
///     }
/// }
/// # futures_lite::future::block_on(async {
/// # let users: Box<dyn Users> = Box::new(Http { cache: Cache::new() });
/// # assert_eq!((users.name(1).await, users.name(1).await), ("1".into(), "1".into()));
/// # });
/// ```
#[proc_macro_attribute]
pub fn cached_impl(options: TokenStream, item: TokenStream) -> TokenStream {
    cached_impl::cached_impl(&options.into(), &item.into()).into()
}

/// What `cache_core::entry!` calls, which documents it.
#[doc(hidden)]
#[proc_macro]
pub fn entry_of_call(input: TokenStream) -> TokenStream {
    entry::entry(input.into()).into()
}

/// Implements `HasCache` for a struct, by its field of type `Cache`, or the field marked `#[cache]`.
///
/// A marked field may be of any type that has `HasCache`. If `cache_core` is renamed, write `#[cache(crate = path)]` on
/// the struct.
///
/// ```
/// # use cache_core::{Cache, HasCache};
/// #[derive(HasCache)]
/// struct Shared {
///     cache: Cache,
/// }
///
/// #[derive(HasCache)]
/// struct Users<Db> {
///     db: Db,
///     #[cache]
///     shared: std::sync::Arc<Shared>,
/// }
/// ```
#[proc_macro_derive(HasCache, attributes(cache))]
pub fn derive_has_cache(item: TokenStream) -> TokenStream {
    derive::has_cache(item.into()).into()
}
