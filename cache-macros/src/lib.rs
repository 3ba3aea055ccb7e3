//! The attributes of `cache-core`, which re-exports them: depend on that crate, not on this one.
//!
//! An attribute is read in stages: `method` takes the function's signature apart and keeps its body as it
//! is, `args` reads the options, `validate` refuses what cannot work and says what would, and
//! `expand` writes the code, which is a call into `cache_core::private` around the body. What goes wrong
//! on the way ends in `fallback`.

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

/// Caches what a function returns, under its arguments.
///
/// It goes on methods with `&self`, `self: Arc<Self>`, `self: &Arc<Self>` or one of these in a `Pin`, on associated
/// functions without `self`, and on free functions, `async` or not, generic or not. In an `impl` of a trait it needs
/// [`macro@cached_impl`] on the `impl`. The body runs if there is no live entry for the arguments; what it returns is
/// stored. Of a `Result` only the value of an `Ok` is.
///
/// | option | meaning |
/// |---|---|
/// | `ttl = 300`, `ttl = "5m"`, `ttl = expr` | how long a value may be served: seconds, a text with units, or an expression of type `Duration`; left out: the cache's default |
/// | `own_ttl` | the value expires by its own time to live alone, also if a cached value that it was made from expires earlier |
/// | `key(expr, ..)` | these expressions are the key, instead of all arguments |
/// | `skip(arg, ..)` | these arguments are no part of the key |
/// | `tags("all", "artist:{artist_id}", expr)` | tags: texts, formatted from the arguments like `format!`, or expressions that are `Into<Tag>` |
/// | `tags_from = \|value\| ..` | more tags, of the value: an iterator of what is `Into<Tag>` |
/// | `cache_if = \|value\| ..` | only a value for which this is true is stored |
/// | `capacity = n` | at most so many entries of this query, in all scopes together, for each type of `Self`: a constant expression of type `usize`; left out: as many as the cache has room for. With 0 nothing is stored |
/// | `cache = expr` | where the cache is, as a `&Cache`; left out: `HasCache` of `self`, or `Cache::global()` where there is no `self` |
/// | `name = "text"` | the name in statistics and for invalidation at run time; left out: the function's |
/// | `crate = path` | where `cache_core` is, if it was renamed or is re-exported: an absolute path |
///
/// # `ttl`
///
/// The units are `d`, `h`, `m`, `s`, `ms`, `us` and `ns`, the longest first, as in `"1h30m"`. The time is counted
/// from the start of the body. An expression is evaluated on a miss, before the body.
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
/// A value that was made from other cached values expires no later than they do. With `own_ttl` it expires by its own time
/// to live alone: by its `ttl`, or without one by the cache's default. It may then show data as old as both times together.
/// Invalidation is not affected: the value is still forgotten together with what it was made from.
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
/// All arguments make up the key, and the type of `Self` and generic arguments belong to it. `self` does
/// not: see *What is shared* at `Cache`. An argument's type needs `Hash`, `Eq`, `Clone`, `Send` and `Sync`, and to be
/// `'static`. References are looked up as they are, and what they refer to is copied only to be stored: `&str`, `&[T]`,
/// `&T`, and these within `Option`, tuples, arrays, slices, `Vec`, `Box` and `Cow`. With a `Debug` an argument is
/// shown in listings.
///
/// A pattern counts as the names that it binds, since the body sees no more of it.
///
/// `skip` leaves out arguments that make no difference to the answer, and those that can't be part of a key. `key` says
/// what the key is in expressions, which may mention arguments and `self`, and are evaluated at each call.
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
/// An entry is forgotten with any of its tags: by `#[invalidates(tags(..))]` or `Cache::invalidate_tags`. Those of `tags`
/// are made on a miss, before the body. `tags_from` is called with a value that `cache_if` lets be stored; of a `Result` it
/// is the `Ok`. If one of its tags is invalidated while the body runs, the value is not stored. Invalidations of other tags
/// don't matter, but for more than a few hundred of unknown ones meanwhile: see the guide of `cache_core`.
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
/// A value for which it is false is returned to all waiters, and not stored.
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
///     #[cached_query(capacity = 100, name = "search_tracks")] // texts come and go
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
/// A function without `self` uses the global cache, unless it says which. The expression may mention arguments.
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
/// It is cloned for each caller, and so is `Clone + Send + Sync + 'static`. Return an `Arc` if a clone would
/// be slow.
///
/// A `Result` is known by its type, also through an alias. Where the return type is a generic parameter that
/// stands for a `Result`, nothing is stored.
///
/// An error needs no bounds. It may borrow too, if a lifetime or a reference in the return type says so, as in
/// `Result<u32, Error<'_>>`. One that is `Clone + Send + Sync + 'static` (and `Unpin`, as nearly every type is) is shared
/// with the waiters of a load that fails. The attribute finds that out from the types. It does not try where the error part
/// of the return type (behind an alias: any part) names a generic parameter of the function, `Self` or a lifetime other
/// than `'static`; in a [`macro@cached_impl`] it knows `Self` of a type without parameters. An error that is a parameter of
/// the `impl` is shared if its bounds say all of the above.
///
/// # Calls at the same time
///
/// However many threads or tasks ask for one key at once, the body runs once, and all get what it returns. Calls with
/// other arguments don't wait. A call that comes after an invalidation doesn't wait for a body that is no longer valid by
/// it. A waiter takes the value of any body that began after it came, also if that is not stored.
///
/// If the body returns an `Err`, nobody waits any longer: an error that can be shared (see above) goes to all who waited,
/// otherwise each of them runs its own body at once, as without a cache. Of these at most eight for one key may be
/// joined and stored. If the body panics or its future is dropped, exactly one of the waiters runs its body next.
///
/// Waiters are woken only when the body ends: give one that may hang a timeout. Where nothing can be kept (capacity 0, a
/// `ttl` that is over before the body is), each call runs its body.
///
/// # Bodies that call queries
///
/// What a body reads through other cached queries, or a `TaggedCache`, counts as read by it: its entry is forgotten with
/// what it read, and expires no later (but for `own_ttl`). It is enough that `#[invalidates]` names the inner query. Errors
/// of inner queries count too. This holds through awaits and `join!`, to any depth, and between caches. A thread or a task
/// that the body spawns is not seen; `cache_core::LoadContext` says that it belongs to the body. What is read after the
/// load has ended has no effect.
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
///     #[invalidates(price(item))] // and the totals that it is in
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
/// A body may call its own query, with the same arguments too, directly or through others: where a call would
/// have to wait for itself, on one thread or in a circle of several, its body runs instead, and what that returns
/// is not stored: what the outermost returns is. Only a body that waits for *another* thread which calls the same
/// query, as by joining it, waits without end, unless that thread runs within the body's `LoadContext`.
///
/// # `async fn`
///
/// All of this holds for asynchronous functions, on any executor, and on several at once. A hit is there when the future is
/// first polled: it waits for nothing, and allocates nothing. A task that has to wait for the body of another gives
/// way meanwhile.
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
/// that was waiting leaves no trace. It is `Send` if that of the body is, and larger than that
/// by some 100 bytes and the arguments, which it keeps once more: take what is large by reference, or in an `Arc`.
///
/// A body may await queries, its own too, as above. Three waits can't be seen to be in a circle, and last without end:
///
/// - A body that spawns a task which calls the same query, and awaits that task. Await the query in the body instead, or
///   several of them in a `join!`, or instrument the task with `LoadContext`.
/// - A future whose body has begun, and which is then neither polled nor dropped, as by a `select!` that borrowed it, while
///   the same task calls the same query. Drop it first.
/// - A task that blocks its thread until a body is over which the executor has no other thread for.
///
/// A function that returns a future, as `impl Future` or in a box, is refused: make it an `async fn`. With
/// `#[async_trait]`, [`macro@cached_impl`] stands above it.
///
/// # In traits
///
/// A method that a trait provides may be annotated too. The trait is not dyn compatible then, unless it has
/// [`macro@cached_impl`].
///
/// # Panics
///
/// When the body does. Nothing is stored then, and no other caller gets the panic.
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

/// Forgets what a mutation makes wrong, when its body has ended.
///
/// It goes on any function, with any receiver (`Pin<&mut Self>` too), also in an `impl` of a trait, and takes one or more
/// targets. All of them that are in one cache take effect at one version: no load sees some and not the others. What was
/// made from something that is forgotten is forgotten with it.
///
/// | target | what is forgotten |
/// |---|---|
/// | `"get_track"` or `get_track` | every entry of that query, of the same `Self` type; where there is no `self`, of that function in scope |
/// | `"Tracks::get"` or `Tracks::get` | every entry of the query of another type, whose cache is the same; `"Self::total"` where there is no `self` |
/// | `"rates::current"` or `rates::current` | every entry of a query that is a free function; they are in the global cache |
/// | `"r#loop"` or `r#loop` | every entry of a query whose name is a keyword |
/// | `get_track(id)` | the one entry for these arguments; with a path too, as in `Tracks::get(id)` |
/// | `\|track\| get_track(track.id)` | the one entry for arguments from the value that is returned, of a `Result` from the `Ok`; without one every entry of the query |
/// | `tags("artist:{artist_id}", expr)` | every entry that has one of these tags, formatted from the arguments like `format!` |
/// | `all` | every entry of the cache; through a scoped handle, of the scope; `"all"` is a query of that name |
///
/// and options:
///
/// | option | meaning |
/// |---|---|
/// | `on = "ok"` | only if the body returned `Ok`, or something that is no `Result` |
/// | `cache = expr` | where the entries of the targets are, as a `&Cache`; left out: as for [`macro@cached_query`] |
/// | `crate = path` | as for [`macro@cached_query`] |
///
/// A query that has a `cache = ..` of its own must be named together with the same one, and a method's query by
/// a function without `self` with a `cache = ..` too: it is not known otherwise where the entries are, and does
/// not compile. Targets in several caches take an attribute for each cache.
///
/// A name is the function's, also where the query has another one for run time. It is checked by the compiler: one that no
/// query has is an error under that very string. One that is a keyword is written as the function's is, as in `"r#loop"`.
///
/// It invalidates when the body has ended, however it ended: with `Ok`, with `Err`, or by a panic. A mutation
/// that failed may have done half its work; to forget too much costs a miss, to forget too little costs
/// wrong answers. `on = "ok"` is for where it is certain that an `Err` changed nothing. By then the arguments
/// that the function took by value have been dropped, if the body did not give them away.
///
/// An `async fn` invalidates also if its future is dropped half-done (`on = "ok"` does not), once all that the body held is
/// dropped. A future that was never polled has done nothing, and forgets nothing. What a database does with a statement
/// after its future was dropped is another matter: some finish it, and that comes after the invalidation. See *Writes that
/// are dropped half-done* in the guide of `cache_core`.
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
/// `get_track(id)` takes the arguments of the query without `self`, all of them, also those that it skips, as a call would;
/// where they are generic, as `get::<Album>(id)`. The compiler checks them. They are evaluated before the body, which may
/// give them away after, and nothing of them is kept but a hash. The entry is forgotten in the scope of the mutation's
/// handle, or through the root in every scope, at the same cost however many there are. With it a load of the key in flight
/// becomes invalid, and all that was made from it. If the closure of `|track| get(track.id)` panics, every entry of the
/// query is forgotten. Of a generic function only type arguments and lengths tell instantiations apart here: other
/// constants do not, and the entry is forgotten for all their values.
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
/// Such an `impl` has no room for what stands beside a query, so that [`macro@invalidates`] finds it. This puts it into
/// a hidden trait, `__Cached_Tracks_for_Library` for `impl Tracks for Library`, which other modules have to import if they
/// name a query of this `impl` as `Library::get`; two traits may have queries of one name.
///
/// It has no options. What is only annotated with [`macro@invalidates`] does not need it.
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
/// Native `async fn`s need nothing more than other functions do. `#[async_trait]` rewrites its functions before their own
/// attributes see them, so this stands above it, also where something is only annotated with [`macro@invalidates`]:
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

/// Implements the trait `HasCache` for a struct: the cache is its field of type `Cache`, or the one that is
/// marked `#[cache]`.
///
/// A marked field may be of any type that has `HasCache` itself. If `cache_core` was renamed, say so with
/// `#[cache(crate = path)]` on the struct.
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
