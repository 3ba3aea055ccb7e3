//! The attributes of `cache-core`, which re-exports them: depend on that crate, not on this one.
//!
//! An attribute passes through stages: `parse` takes its options and the function apart, and keeps the body as it is;
//! `validate` refuses what cannot work, and says what would; `expand` writes the code, a call into `cache_core` around the
//! body. After an error, `fallback` leaves the function as it was.

#![forbid(unsafe_code)]

use proc_macro::TokenStream;

mod attribute;
mod cached_impl;
mod derive;
mod errors;
mod expand;
mod fallback;
mod parse;
#[cfg(test)]
mod tests;
mod validate;

/// Caches the return value of a function, under its arguments.
///
/// It goes on methods with `&self`, `self: Arc<Self>`, `self: &Arc<Self>` or one of these in a `Pin`, on associated
/// functions without `self`, and on free functions, `async` or not, generic or not. In an `impl` of a trait it needs
/// [`macro@cached_impl`] on the `impl`. The body runs if there is no live entry for the arguments, and its value is
/// stored: of a `Result`, only the value of an `Ok`.
///
/// | option | meaning |
/// |---|---|
/// | `ttl = 300`, `ttl = "5m"`, `ttl = expr` | how long a value may be served: a literal number of seconds, a string with units, or an expression of type `Duration`; default: that of the cache |
/// | `own_ttl` | the value expires by its own time to live alone, even if a cached value that it was made from expires earlier |
/// | `key(expr, ..)` | these expressions are the key, instead of all arguments |
/// | `skip(arg, ..)` | these arguments are not part of the key |
/// | `tags("all", "artist:{artist_id}", expr)` | tags: strings, formatted from the arguments like `format!`, or expressions that are `Into<Tag>` |
/// | `tags_from = \|value\| ..` | more tags, from the value: an iterator of `Into<Tag>` |
/// | `cache_if = \|value\| ..` | only values for which this is true are stored |
/// | `capacity = n` | at most `n` entries of this query, in all scopes together, for each type of `Self`: a constant expression of type `usize`; default: no limit but that of the cache. With 0 nothing is stored |
/// | `cache = expr` | the cache, as a `&Cache`; default: `HasCache` of `self`, or `Cache::global()` without `self` |
/// | `name = "text"` | the name in statistics and for invalidation at run time; default: that of the function |
/// | `crate = path` | the absolute path of `cache_core`, if it is renamed or re-exported |
///
/// # `ttl`
///
/// The units are `d`, `h`, `m`, `s`, `ms`, `us` and `ns`, the longest first, as in `"1h30m"`. The time counts from the
/// start of the body. An expression is evaluated on a miss, before the body.
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
/// A value that is made from other cached values expires no later than they do. With `own_ttl` it expires by its `ttl`
/// alone, or without one by the default of the cache. It may then show data as old as both times together. It is still
/// invalidated together with the values that it is made from.
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
/// # The key: `key` and `skip`
///
/// The key is made of all arguments, the type of `Self`, and the generic arguments. `self` is not part of it: see *What is
/// shared* at `Cache`. The type of an argument is `Hash + Eq + Clone + Send + Sync + 'static`. References are looked up as
/// they are, and copied only to be stored: `&str`, `&[T]`, `&T`, and these within `Option`, tuples, arrays, slices, `Vec`,
/// `Box` and `Cow`. An argument with `Debug` is shown in listings.
///
/// A pattern counts as the names that it binds.
///
/// `skip` leaves out arguments that make no difference to the value, and those that cannot be part of a key. `key` gives
/// the key as expressions, which may mention arguments and `self`, and are evaluated at each call.
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
/// # `tags` and `tags_from`
///
/// An entry is invalidated with any of its tags, by `#[invalidates(tags(..))]` or `Cache::invalidate_tags`. `tags` are made
/// on a miss, before the body. `tags_from` is called with a value that `cache_if` accepts, of a `Result` with the `Ok`. If
/// one of these tags is invalidated while the body runs, the value is not stored. Invalidations of other tags do not
/// matter, unless there are more than a few hundred of unknown ones meanwhile: see the guide of `cache_core`.
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
/// A value for which it is false is returned to all waiters, but not stored.
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
/// # `cache`
///
/// Without this option a function without `self` uses the global cache. The expression may mention arguments.
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
/// It is cloned for each caller: it is `Clone + Send + Sync + 'static`. Return an `Arc` if a clone would be slow.
///
/// A `Result` is recognised by its type, also through an alias. If the return type is a generic parameter that stands for a
/// `Result`, nothing is stored.
///
/// An error needs no bounds. It may borrow, if a lifetime or a reference in the return type says so, as in
/// `Result<u32, Error<'_>>`. An error that is `Clone + Send + Sync + 'static` (and `Unpin`, as nearly every type is) is
/// shared with the waiters of a load that fails, unless the error part of the return type (behind an alias: any part) names
/// a generic parameter of the function, `Self`, or a lifetime other than `'static`. In a [`macro@cached_impl`] for a type
/// without parameters `Self` is allowed. An error that is a parameter of the `impl` is shared if it has all of these bounds.
///
/// # Calls at the same time
///
/// If many threads or tasks ask for one key at once, the body runs once, and all get its value. Calls with other arguments
/// do not wait. A call that starts after an invalidation does not wait for a body that the invalidation made out of date. A
/// waiter takes the value of any body that began after the waiter arrived, even if that value is not stored.
///
/// If the body returns an `Err`, all waiting ends: an error that can be shared (see above) goes to all waiters, otherwise
/// each of them runs its own body at once, as without a cache. Of these at most eight for one key may be joined and stored.
/// If the body panics or its future is dropped, exactly one of the waiters runs its body next.
///
/// Waiters are woken only when the body ends: a body that may hang needs a timeout. If nothing can be stored (capacity 0, a
/// `ttl` shorter than the body), each call runs its body.
///
/// # Bodies that call queries
///
/// The entry of a body depends on all that the body reads through other cached queries, or a `TaggedCache`: it is
/// invalidated with them, and expires no later (except with `own_ttl`). It is enough that `#[invalidates]` names the inner
/// query. Errors of inner queries count too. This holds through awaits and `join!`, to any depth, and between caches. A
/// thread or a task that the body spawns needs a `cache_core::LoadContext` to belong to it. Reads after the load has ended
/// have no effect.
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
/// A body may call its own query, with the same arguments too, directly or through others. A call that would have to wait
/// for itself, on one thread or in a circle of several, runs its body instead, and does not store that value: only the
/// outermost value is stored. One case waits without end: a body that waits for *another* thread that calls the same query,
/// as by joining it, unless that thread runs within the body's `LoadContext`.
///
/// # `async fn`
///
/// All of this holds for asynchronous functions, on any executor, and on several at once. A hit is ready at the first poll,
/// and allocates nothing. A task that has to wait for the body of another yields meanwhile.
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
/// The future may be dropped at any time. If its body was running, exactly one of the waiters runs its own next; a future
/// that was waiting leaves no trace. It is `Send` if that of the body is. It is larger by some 100 bytes and by the
/// arguments, which it keeps once more: take large ones by reference, or in an `Arc`.
///
/// A body may await queries, its own too, as above. Three circles of waits cannot be detected, and last without end:
///
/// - A body that spawns a task that calls the same query, and awaits that task. Await the query in the body instead, or
///   several of them in a `join!`, or instrument the task with `LoadContext`.
/// - A future whose body has begun, and that is then neither polled nor dropped, as by a `select!` that borrowed it, while
///   the same task calls the same query. Drop it first.
/// - A task that blocks its thread until a body ends for which the executor has no other thread.
///
/// A function that returns a future, as `impl Future` or in a box, is refused: make it an `async fn`. With
/// `#[async_trait]`, [`macro@cached_impl`] stands above it.
///
/// # In traits
///
/// A provided method of a trait may be annotated too. The trait is then dyn compatible only with [`macro@cached_impl`].
///
/// # Panics
///
/// When the body does. Then nothing is stored, and no other caller gets the panic.
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
/// It goes on any function, with any receiver (`Pin<&mut Self>` too), also in an `impl` of a trait, and takes one or more
/// targets. All targets in one cache take effect at one version: no load sees some of them and not the others. Values that
/// were made from an invalidated one are invalidated with it.
///
/// | target | what is invalidated |
/// |---|---|
/// | `"get_track"` or `get_track` | every entry of that query of the same `Self` type; without `self`, of that function in scope |
/// | `"Tracks::get"` or `Tracks::get` | every entry of a query of another type in the same cache; `"Self::total"` where there is no `self` |
/// | `"rates::current"` or `rates::current` | every entry of a free function, which are in the global cache; in a method, `"self::current"` for a function beside it |
/// | `"r#loop"` or `r#loop` | a query whose name is a keyword |
/// | `get_track(id)` | the one entry for these arguments; with a path too, as in `Tracks::get(id)` |
/// | `\|track\| get_track(track.id)` | the one entry for arguments from the returned value, of a `Result` from the `Ok`; without a value every entry of the query |
/// | `tags("artist:{artist_id}", expr)` | every entry with one of these tags, formatted from the arguments like `format!` |
/// | `all` | every entry of the cache; through a scoped handle, of the scope; `"all"` is a query of that name |
///
/// and options:
///
/// | option | meaning |
/// |---|---|
/// | `on = "ok"` | only if the body returned `Ok`, or a type other than `Result` |
/// | `cache = expr` | the cache of the targets, as a `&Cache`; default: as for [`macro@cached_query`] |
/// | `crate = path` | as for [`macro@cached_query`] |
///
/// A target whose query has a `cache = ..` needs the same `cache = ..` here. So does a method's query in a function without
/// `self`. Without it the cache is not known, and the code does not compile. Targets in several caches take an attribute
/// for each cache.
///
/// A name is that of the function, even if the query has another one at run time. The compiler checks it: a name that no
/// query has is an error under that very string.
///
/// It invalidates when the body has ended with `Ok`, with `Err`, or by a panic. A mutation that failed may have done half
/// of its work: one entry too many costs a miss, one too few costs wrong answers. Use `on = "ok"` only if an `Err` certainly
/// changed nothing. The arguments that the function took by value are dropped before, unless the body gave them away.
///
/// An `async fn` invalidates also if its future is dropped half-done (not with `on = "ok"`), after the values of the body are
/// dropped. A future that was never polled invalidates nothing. Some databases finish a statement after its future was
/// dropped, and so after the invalidation: see *Writes that are dropped half-done* in the guide of `cache_core`.
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
/// `get_track(id)` takes all arguments of the query but `self`, also those that it skips; of a generic query, as in
/// `get::<Album>(id)`. The compiler checks them. They are evaluated before the body, which may give them away, and only a
/// hash of them is kept. The entry is invalidated in the scope of the mutation's handle, or through the root handle in every
/// scope, at the same cost for any number of scopes. A load of the key in flight is invalidated too. If the closure of
/// `|track| get(track.id)` panics, every entry of the query is invalidated. Of a generic function, instantiations that
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

/// Goes on an `impl` of a trait in which there is a [`macro@cached_query`], and on a trait that provides one.
///
/// For each query, [`macro@invalidates`] needs an item that the trait does not have. This puts the items into a hidden
/// trait, `__Cached_Tracks_for_Library` for `impl Tracks for Library`. Other modules have to import it if they name a query
/// of this `impl` as `Library::get`. Two traits may have queries of one name.
///
/// It has no options. An `impl` with [`macro@invalidates`] alone does not need it.
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
/// A native `async fn` needs nothing more. `#[async_trait]` rewrites its functions before their own attributes see them, so
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

/// Implements the trait `HasCache` for a struct: the cache is its field of type `Cache`, or the field marked `#[cache]`.
///
/// A marked field may be of any type that has `HasCache`. If `cache_core` is renamed, write `#[cache(crate = path)]` on the
/// struct.
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
