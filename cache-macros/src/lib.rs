//! The attributes of `cache-core`, which re-exports them: depend on that crate, not on this one.
//!
//! An attribute is read in stages: `method` takes the function's signature apart and keeps its body as it
//! is, `args` reads the options, `validate` refuses what cannot work and says what would, and
//! `expand` writes the code, which is a call into `cache_core::private` around the body. What goes wrong
//! on the way ends in `fallback`.

#![forbid(unsafe_code)]

use proc_macro::TokenStream;

mod args;
mod attribute;
mod beside;
mod cached_impl;
mod derive;
mod duration;
mod errors;
mod expand;
mod fallback;
mod key;
mod method;
#[cfg(test)]
mod snapshots;
mod targets;
mod text;
mod validate;

/// Caches what a function returns, under its arguments.
///
/// It goes on methods with `&self`, `self: Arc<Self>` or `self: &Arc<Self>`, and on free functions; not yet on
/// associated functions without `self`, nor on methods of traits and of their implementations. The body runs if there is no live entry for the
/// arguments; what it returns is stored. Of a `Result` only the value of an `Ok` is.
///
/// | option | meaning |
/// |---|---|
/// | `ttl = 300`, `ttl = "5m"`, `ttl = expr` | how long a value may be served: seconds, a text with units, or an expression of type `Duration`; left out: the cache's default |
/// | `capacity = n` | at most so many entries of this query, in all scopes together, for each type of `Self`: a constant expression of type `usize`; left out: as many as the cache has room for. With 0 nothing is stored |
/// | `cache = expr` | where the cache is, as a `&Cache`; left out: `HasCache` of `self`, or `Cache::global()` where there is no `self` |
/// | `name = "text"` | the name in statistics and for invalidation at run time; left out: the function's |
/// | `crate = path` | where `cache_core` is, if it was renamed: an absolute path |
///
/// The units of a `ttl` are `d`, `h`, `m`, `s`, `ms`, `us` and `ns`, as in `"1h30m"`. The time is counted
/// from the start of the body. An expression is evaluated on a miss, before the body.
///
/// # The key
///
/// All arguments make up the key, and the type of `Self` and generic arguments belong to it. `self` does
/// not: see *What is shared* at `Cache`. An argument's type needs `Hash`, `Eq`, `Clone`, `Send` and `Sync`;
/// `&str`, slices and references to such types are looked up as they are, and copied only to be stored.
///
/// # The value
///
/// It is cloned for each caller, and so is `Clone + Send + Sync + 'static`. Return an `Arc` if a clone would
/// be slow.
///
/// A `Result` is known by its type, also through an alias. Where the return type is a generic parameter that
/// stands for a `Result`, nothing is stored.
///
/// # Calls at the same time
///
/// However many threads ask for one key at once, the body runs once, and all get what it returns. Calls with
/// other arguments don't wait. Who calls after an invalidation doesn't wait for a body that began before it.
/// If the body panics or returns an `Err`, its own caller is told, and the body of one of those who waited
/// runs next.
///
/// While every body of a key fails, those who wait try one after another: give a body that may hang a short
/// timeout. Nothing else wakes those who wait. Where nothing can be kept (capacity 0, a `ttl` that is over before
/// the body is), each call runs its body.
///
/// A body may call its own query, with the same arguments too, directly or through others: where a call would
/// have to wait for itself, on one thread or in a circle of several, its body runs instead, and what that returns
/// is not stored: what the outermost returns is. Only a body that waits for *another* thread which calls the same
/// query, as by joining it, waits for ever.
///
/// # Panics
///
/// When the body does. Nothing is stored then.
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
/// It goes on any function, and takes one or more targets:
///
/// | target | what is forgotten |
/// |---|---|
/// | `"get_track"` or `get_track` | every entry of that query, of the same `Self` type; where there is no `self`, of that function in scope |
/// | `"Tracks::get"` or `Tracks::get` | every entry of the query of another type, whose cache is the same |
/// | `"rates::current"` or `rates::current` | every entry of a query that is a free function; they are in the global cache |
/// | `all` | every entry of the cache; through a scoped handle, of the scope; `"all"` is a query of that name |
///
/// and options:
///
/// | option | meaning |
/// |---|---|
/// | `on = "ok"` | only if the body returned `Ok`, or something that is no `Result` |
/// | `cache = expr` | where the entries of the targets are, as a `&Cache`; left out: as for `#[cached_query]` |
/// | `crate = path` | as for `#[cached_query]` |
///
/// A query that has a `cache = ..` of its own must be named together with the same one, and a method's query by
/// a function without `self` with a `cache = ..` too: it is not known otherwise where the entries are, and does
/// not compile. Targets in several caches take an attribute for each cache.
///
/// A name is the function's, also where the query has another one for run time. It is checked by the
/// compiler: one that no query has is an error under that very string.
///
/// It invalidates when the body is over, however it ended: with `Ok`, with `Err`, or by a panic. A mutation
/// that failed may have done half its work; to forget too much costs a miss, to forget too little costs
/// wrong answers. `on = "ok"` is for where it is certain that an `Err` changed nothing. By then the arguments
/// that the function took by value have been dropped, if the body did not give them away.
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
///     #[invalidates("get")]
///     fn rename(&mut self, id: u32, name: &str) -> Result<(), std::io::Error> {
///         # let _ = (id, name);
///         // ..
///         # Ok(())
///     }
/// }
/// # let mut users = Users { cache: Cache::new() };
/// # users.get(1);
/// # users.rename(1, "a").unwrap();
/// # assert!(users.cache.is_empty());
/// ```
#[proc_macro_attribute]
pub fn invalidates(targets: TokenStream, item: TokenStream) -> TokenStream {
    attribute::invalidates(targets.into(), &item.into()).into()
}

/// Goes on the `impl` of a trait in which functions are annotated.
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
