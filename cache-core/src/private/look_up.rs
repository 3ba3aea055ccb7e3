//! What a cached function calls: the answer to a call is a hit or a [`Miss`].

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;

use crate::audit::Auditor;
use crate::cache::Cache;
use crate::clock::Nanos;
use crate::engine::catalog::{Marker, Side};
use crate::engine::mode::Mode;
use crate::flight::context::{is_in_audit, is_inside};
use crate::load::attempt::Absence;
use crate::load::call::Call;
use crate::load::miss::{Miss, Request};
use crate::load::outcome::Outcome;
use crate::private::entry::make_entry;
use crate::private::key::{Parts, unnamed};
use crate::query::state::QueryState;
use crate::query::{QueryRef, Site};
use crate::store::erased::{downcast, downcast_arc};
use crate::store::storage::AnyStore;
use crate::store::{Absent, Wanted};
use crate::sync::Arc;
use crate::tag::Tag;
use crate::version::scope::scope_id;

/// A value that can be cached. `U`, a type that cannot be written, prevents proposals of bounds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be cached",
    label = "the value of a cached query",
    note = "a cached value is cloned for each caller and shared between threads: it must be `Clone + Send + Sync + 'static`",
    note = "if it is not `Clone`, or cloning it is slow, return it in an `Arc`"
)]
pub trait CacheValue<U>: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static, U> CacheValue<U> for T {}

/// Identifies one instantiation of a function. `U` cannot be written: see [`CacheValue`].
pub struct Instance<U> {
    function: TypeId,
    marker: fn(Side) -> Marker,
    unnamed: PhantomData<U>,
}

/// `function` is a closure in the function: its type has all generic arguments. `generics` has those of the function
/// itself, without its `impl`.
#[inline]
pub fn instance<F, A>(_function: F, _generics: A) -> Instance<impl Copy> {
    fn of<U>(function: TypeId, marker: fn(Side) -> Marker, _: U) -> Instance<U> {
        Instance { function, marker, unnamed: PhantomData }
    }
    of(typeid::of::<F>(), Marker::of::<F, A>, unnamed)
}

impl<U> fmt::Debug for Instance<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Instance")
    }
}

/// Looks up the answer to a call. Compiled once for all functions with the same types of arguments and value.
#[inline(never)]
#[expect(clippy::result_large_err, reason = "a box would be one more allocation of each miss")]
pub fn look_up<O, P, W, U>(
    query: &QueryRef<W>,
    cache: &Cache,
    parts: &P,
    _outcome: O,
    instance: &Instance<U>,
) -> Result<O::Returned, Miss<P::Owned, O::Value, O>>
where
    O: Outcome<Value: CacheValue<U>>,
    P: Parts,
{
    let (engine, site) = (cache.engine(), query.site);
    let store = store_of::<P, O::Value, U>(site, cache, instance);
    let typed = downcast::<P::Owned, O::Value>(store);
    let scope = scope_id(cache.scope_ref());
    let hash = engine.hash(scope, |hasher| parts.hash(hasher));
    let is_ordinary = cache.mode().is_ordinary() || is_as_ordinary(cache);
    if !is_ordinary || is_inside() {
        return look_up_otherwise(site, cache, store, hash, parts, is_ordinary);
    }
    let wanted = Wanted { hash, scope, is_key: |stored: &P::Owned| parts.are(stored) };
    match typed.look_up(&engine.storage, wanted, |entry| entry.value.clone()) {
        Ok(value) => Ok(O::hit(value)),
        Err(absent) => missed(site, cache, store, hash, parts, Err(absent)),
    }
}

/// Whether a call through a handle that is not [ordinary](Mode::Ordinary) is answered like others: in a cache that is audited,
/// most of them.
#[inline]
fn is_as_ordinary(cache: &Cache) -> bool {
    cache.mode().takes_entries() && !cache.engine().auditor.as_ref().is_some_and(Auditor::is_due)
}

/// A call in the body of a load, one that is audited if it hits, or one through a handle that takes nothing from the cache.
#[cold]
#[inline(never)]
#[expect(clippy::result_large_err, reason = "as for a miss")]
fn look_up_otherwise<O, P, V>(
    site: Site,
    cache: &Cache,
    store: &Arc<dyn AnyStore>,
    hash: u64,
    parts: &P,
    is_ordinary: bool,
) -> Result<O::Returned, Miss<P::Owned, V, O>>
where
    O: Outcome<Value = V>,
    P: Parts,
    V: Clone + Send + Sync + 'static,
{
    let (scope, is_key) = (scope_id(cache.scope_ref()), |stored: &P::Owned| parts.are(stored));
    let call = Call::<P::Owned, V> { engine: cache.engine(), store: downcast(store), scope: cache.scope_ref() };
    let (mode, wanted) = (cache.mode(), Wanted { hash, scope, is_key: &is_key as &dyn Fn(&P::Owned) -> bool });
    let found = if mode.takes_entries() { call.look_up_dyn(&wanted) } else { Err(call.pass_by(hash, mode)) };
    let answer = match found {
        Ok(answer) => answer,
        Err(absence) => return missed(site, cache, store, hash, parts, Ok(absence)),
    };
    let entry = if is_ordinary || is_in_audit() { None } else { call.store.find_current(&wanted) };
    let Some(entry) = entry else { return Ok(O::hit(answer)) };
    // A miss of a hit, whose body runs to be compared.
    let (engine, store, scope) = (cache.engine().clone(), downcast_arc(store), cache.scope_ref().cloned());
    let request = Request::of_audit(engine, store, scope, hash, parts.to_owned(), mode.clone(), (answer, entry));
    Err(Miss::new(request, site.query.options(), None))
}

#[cold]
#[inline(never)]
#[expect(clippy::result_large_err, reason = "a box would be one more allocation of each miss")]
fn missed<O, P, V>(
    site: Site,
    cache: &Cache,
    store: &Arc<dyn AnyStore>,
    hash: u64,
    parts: &P,
    absence: Result<Absence, (Absent, Nanos)>,
) -> Result<O::Returned, Miss<P::Owned, V, O>>
where
    O: Outcome<Value = V>,
    P: Parts,
    V: Clone + Send + Sync + 'static,
{
    let (scope, is_key) = (scope_id(cache.scope_ref()), |stored: &P::Owned| parts.are(stored));
    let call = Call { engine: cache.engine(), store: downcast(store), scope: cache.scope_ref() };
    let wanted = Wanted { hash, scope, is_key };
    let absence = absence.unwrap_or_else(|absent| call.absence(&wanted.as_dyn(), absent));
    let absence = match call.serve_aged(&wanted, absence, true) {
        Ok(value) => return Ok(O::hit(value)),
        Err(absence) => absence,
    };
    let (engine, store, scope) = (cache.engine().clone(), downcast_arc(store), cache.scope_ref().cloned());
    let (mode, key) = (cache.mode().clone(), parts.to_owned());
    let mut request =
        Request { engine, store, scope, hash, key, mode, absence, batch: None, audited: None, shared: None };
    if cache.engine().storage.is_watched() {
        request.watch(parts.to_owned());
    }
    Err(Miss::new(request, site.query.options(), Some(make_entry::<P, V>)))
}

/// The store of one instantiation of a query's function.
#[inline]
fn store_of<'c, P: Parts, V: CacheValue<U>, U>(
    site: Site,
    cache: &'c Cache,
    &Instance { function, marker, .. }: &Instance<U>,
) -> &'c Arc<dyn AnyStore> {
    cache.engine().find_store(site.query, function).unwrap_or_else(|| first_store::<P, V>(cache, site, marker))
}

#[cold]
#[inline(never)]
fn first_store<P: Parts, V: Clone + Send + Sync + 'static>(
    cache: &Cache,
    site: Site,
    marker: fn(Side) -> Marker,
) -> &Arc<dyn AnyStore> {
    let marker = marker(if let Mode::Entry(_) = cache.mode() { Side::Entry } else { Side::Query });
    cache.engine().store::<P::Owned, V>(site, marker, describe::<P>)
}

fn describe<P: Parts>(key: &P::Owned, query: &QueryState, out: &mut dyn fmt::Write) -> fmt::Result {
    P::show(key, query.arguments, out)
}

/// The tags that `tags_from` gives a value.
pub fn tags_of<'v, V, T>(value: &'v V, tags_from: impl FnOnce(&'v V) -> T) -> Vec<Tag>
where
    T: IntoIterator<Item: Into<Tag>>,
{
    tags_from(value).into_iter().map(Into::into).collect()
}

/// The `Self` behind a receiver: deref coercion sees through its pointers.
#[inline]
pub const fn receiver<S: ?Sized>(this: &S) -> &S {
    this
}

/// Stands for a type that has no name.
pub fn type_of<T>(_: &T) -> PhantomData<T> {
    PhantomData
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::time::Duration;

    use crate::entry::info::EntryInfo;
    use crate::private::{InGlobal, Part, QueryRef, for_entry, instance, look_up, plain};
    use crate::query_entry::QueryEntry;
    use crate::{Cache, ManualClock};

    fn query() -> QueryRef<InGlobal> {
        crate::private::query!(InGlobal, _, "find", ["id"], value_ttl = true, jitter = 500_000)
    }

    fn seconds(value: u64) -> Duration {
        Duration::from_secs(value)
    }

    /// As the attribute expands a query whose value is its time to live in seconds, and its weight; what is odd is refused.
    macro_rules! look_up {
        ($cache:expr, $id:expr, $miss:ident => $end:expr) => {
            match look_up(&query(), $cache, &(Part::shown(&$id), ()), plain::<u64>(), &instance(|| (), ())) {
                Ok(value) => value,
                Err(miss) => {
                    let $miss = miss
                        .cache_if(|value| value % 2 == 0)
                        .ttl_from(|value| seconds(*value))
                        .weight(|value| usize::try_from(*value).expect("it is small"));
                    $end
                }
            }
        };
    }

    fn load(cache: &Cache, id: u32, value: u64) -> u64 {
        look_up!(cache, id, miss => miss.load(|| value))
    }

    fn entry(cache: &Cache, id: u32) -> QueryEntry<'static, u64> {
        let mut entry = None;
        let _ = look_up!(&for_entry(cache), id, miss => {
            entry = Some(miss.entry::<u64>().typed(plain::<u64>()));
            0
        });
        entry.expect("it always misses")
    }

    fn info(cache: &Cache) -> EntryInfo {
        cache.entries().pop().expect("there is an entry")
    }

    fn cache() -> (Cache, ManualClock) {
        let clock = ManualClock::new();
        (Cache::builder().clock(clock.clone()).max_weight(100).jitter_seed(1).build(), clock)
    }

    #[test]
    fn p8_the_value_of_a_query_says_how_long_it_lives_and_how_heavy_it_is() {
        let (cache, clock) = cache();
        assert_eq!((load(&cache, 1, 10), load(&cache, 1, 7)), (10, 10));
        assert_eq!(cache.stats().weight, 10);
        let left = info(&cache).expires_in;
        assert!(left > seconds(5) && left < seconds(10), "{left:?}");
        clock.advance(left);
        assert_eq!((load(&cache, 1, 7), cache.stats().weight, cache.len()), (7, 0, 0), "an odd one is refused");
        assert_eq!((load(&cache, 2, 102), cache.query_stats()[0].too_heavy), (102, 1));
        cache.check_invariants();
    }

    #[test]
    fn p8_a_value_that_is_put_says_so_too() {
        let (cache, _) = cache();
        let entry = entry(&cache, 1);
        assert!(entry.insert(10) && entry.get() == Some(10));
        let left = info(&cache).expires_in;
        assert!(left > seconds(5) && left < seconds(10), "{left:?}");
        assert_eq!(cache.stats().weight, 10);
        assert!(!entry.insert(102), "it is too heavy");
        assert_eq!((entry.get(), cache.stats().weight, cache.stats().too_heavy), (None, 0, 1));
        assert!(entry.insert(10) && !entry.insert(0), "a time of zero");
        assert_eq!((entry.get(), cache.stats().weight), (None, 0));
        cache.check_invariants();
    }

    #[test]
    fn p8_a_refresh_that_brings_a_value_for_no_time_removes_the_entry() {
        let (cache, _) = cache();
        load(&cache, 1, 10);
        assert_eq!((load(&cache.refresh(), 1, 0), cache.len()), (0, 0));
        load(&cache, 1, 10);
        assert_eq!((load(&cache.refresh(), 1, 102), cache.len()), (102, 0), "so does one that is too heavy");
        cache.check_invariants();
    }
}
