//! From a query to its state and its stores, and from a name to its queries.

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use foldhash::fast::RandomState;

use crate::eviction::quota::Quota;
use crate::observer::Observers;
use crate::query::owner::{Owner, generic_arguments};
use crate::query::state::QueryState;
use crate::query::{Query, Site};
use crate::store::storage::AnyStore;
use crate::sync::append_map::AppendMap;
use crate::sync::table::Table;
use crate::sync::{Arc, Map, Mutex};

/// The table only grows, and is read without a lock.
pub(crate) struct QueryTable(Table<QueryRow>);

#[derive(Default)]
struct QueryRow {
    states: AppendMap<Owner, Arc<QueryState>>,
    /// By the type of an instantiation of the function, or of its entry function.
    stores: AppendMap<TypeId, Arc<dyn AnyStore>>,
    /// From an instantiation to its store, for the side that comes second.
    shared: Mutex<HashMap<Instantiation, Vec<SharedStore>, RandomState>>,
}

/// Types that stand for one instantiation of a query's function.
#[derive(Clone, Copy)]
pub(crate) struct Marker {
    pub(crate) side: Side,
    /// Of a closure in the function: includes the generic arguments of its `impl`.
    pub(crate) function: TypeId,
    /// Only the generic arguments that a caller who names the function can give.
    pub(crate) instance: TypeId,
    /// All generic arguments of the function, as the compiler writes them.
    pub(crate) arguments: &'static str,
}

/// Which function of a query asks for its store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The query itself.
    Query,
    /// The hidden function that makes its entries.
    Entry,
}

/// What the two functions of one instantiation have in common.
#[derive(PartialEq, Eq, Hash)]
struct Instantiation {
    owner: Owner,
    instance: TypeId,
    arguments: &'static str,
    /// Of key and value.
    types: TypeId,
}

/// Used by one function of each side at most: if two types are written alike, their instantiations stay apart.
struct SharedStore {
    store: Arc<dyn AnyStore>,
    is_used_by: [bool; 2],
}

impl Marker {
    /// `F` is a closure in the function. `A` represents the generic arguments that a caller can name.
    pub(crate) fn of<F, A>(side: Side) -> Self {
        let arguments = generic_arguments(type_name::<F>());
        Self { side, function: typeid::of::<F>(), instance: typeid::of::<A>(), arguments }
    }
}

impl QueryTable {
    pub(crate) fn new() -> Self {
        Self(Table::new())
    }

    /// Created by the first load or invalidation of the query: both use the same node.
    pub(crate) fn state(&self, site: Site, register: impl FnOnce() -> Arc<QueryState>) -> &Arc<QueryState> {
        let (query, owner) = (site.query, (site.owner)());
        self.0.get(query.number()).states.get_or_insert_with(owner, register)
    }

    #[inline]
    pub(crate) fn find_store(&self, query: &Query, function: TypeId) -> Option<&Arc<dyn AnyStore>> {
        // A query without a number reads row 0, which is always empty.
        let row = self.0.get(query.number_so_far());
        row.stores.get(&function)
    }

    /// `make` returns the number of the store. `types` is that of its key and value.
    pub(crate) fn store(
        &self,
        site: Site,
        marker: Marker,
        types: TypeId,
        make: &mut dyn FnMut() -> (u32, Arc<dyn AnyStore>),
    ) -> &Arc<dyn AnyStore> {
        let row = self.0.get(site.query.number());
        if let Some(store) = row.stores.get(&marker.function) {
            return store;
        }
        row.stores.get_or_insert_with(marker.function, || {
            let Marker { side, instance, arguments, .. } = marker;
            let mut shared = row.shared.lock();
            let alike = shared.entry(Instantiation { owner: (site.owner)(), instance, arguments, types }).or_default();
            if let Some(found) = alike.iter_mut().find(|found| !found.is_used_by[side as usize]) {
                found.is_used_by[side as usize] = true;
                return found.store.clone();
            }
            let (number, store) = make();
            // Before anyone can find the store: it has no load yet.
            store.query().stores.add(instance, number);
            let is_used_by = [Side::Query, Side::Entry].map(|user| user == side);
            alike.push(SharedStore { store: store.clone(), is_used_by });
            store
        })
    }
}

/// By name at run time. Several types may use one name.
pub(crate) struct QueryNames {
    by_name: Map<&'static str, Vec<Arc<QueryState>>>,
    /// The number of the last query.
    last: AtomicU32,
}

impl QueryNames {
    pub(crate) fn new(parts: usize) -> Self {
        Self { by_name: Map::new(parts), last: AtomicU32::new(0) }
    }

    pub(crate) fn register(
        &self,
        site: Site,
        observers: &Observers,
        quota: impl FnOnce(usize) -> Quota,
    ) -> Arc<QueryState> {
        let Query { name, capacity, .. } = *site.query;
        let register = |namesakes: &mut Vec<_>| {
            let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
            let mut state = QueryState::of(site, id, capacity.map(quota));
            state.counters.tell_drop_panics(observers.tell_drop_panic(&state));
            let state = Arc::new(state);
            namesakes.push(state.clone());
            state
        };
        self.by_name.with(name, |_| Vec::new(), register)
    }

    /// Loads of queries not registered yet begin later than this call.
    pub(crate) fn of_name(&self, name: &str) -> Vec<Arc<QueryState>> {
        self.by_name.view(name, Vec::clone).unwrap_or_default()
    }

    /// Sorted by name.
    pub(crate) fn all(&self) -> Vec<Arc<QueryState>> {
        let mut all = Vec::new();
        self.by_name.for_each(|namesakes| all.extend(namesakes.iter().cloned()));
        all.sort_unstable_by_key(|state| (state.name, state.module, state.owner, state.id));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::engine::settings::Settings;

    macro_rules! for_each_digit {
        ($next:ident, [$($digit:ident),*], $all:ident) => {
            $next::<$($digit,)* 0>($all);
            $next::<$($digit,)* 1>($all);
            $next::<$($digit,)* 2>($all);
            $next::<$($digit,)* 3>($all);
            $next::<$($digit,)* 4>($all);
            $next::<$($digit,)* 5>($all);
            $next::<$($digit,)* 6>($all);
            $next::<$($digit,)* 7>($all);
            $next::<$($digit,)* 8>($all);
            $next::<$($digit,)* 9>($all);
        };
    }

    fn hundreds(all: &mut Vec<TypeId>) {
        for_each_digit!(tens, [], all);
    }

    fn tens<const A: usize>(all: &mut Vec<TypeId>) {
        for_each_digit!(units, [A], all);
    }

    fn units<const A: usize, const B: usize>(all: &mut Vec<TypeId>) {
        for_each_digit!(add, [A, B], all);
    }

    fn add<const A: usize, const B: usize, const C: usize>(all: &mut Vec<TypeId>) {
        all.push(TypeId::of::<[[[(); A]; B]; C]>());
    }

    fn thousand_types() -> Vec<TypeId> {
        let mut all = Vec::new();
        hundreds(&mut all);
        all
    }

    static QUERY: Query = Query::new("find", "m", &[]);

    /// The query is a method of two types.
    fn sites() -> [Site; 2] {
        [Owner::of::<u8>, Owner::of::<u16>].map(|owner| Site { query: &QUERY, owner })
    }

    #[test]
    fn p10_a_thousand_instantiations_have_a_store_each() {
        let engine = Engine::new(Settings::default());
        let [site, other] = sites();
        let instances = thousand_types();
        let store = |site, function, instance| {
            let marker = Marker { side: Side::Query, function, instance, arguments: "" };
            Arc::as_ptr(engine.store::<u32, u32>(site, marker, |_, _, _| Ok(()))).cast::<()>()
        };
        let stores: Vec<_> = instances.iter().map(|&instance| store(site, instance, instance)).collect();
        // The same instance of another type: not invalidated below.
        store(other, TypeId::of::<u64>(), instances[500]);
        for (&instance, &made) in instances.iter().zip(&stores) {
            let found = engine.find_store(&QUERY, instance).expect("it was made");
            assert!(
                std::ptr::eq(Arc::as_ptr(found).cast(), made) && std::ptr::eq(store(site, instance, instance), made)
            );
            let alike = found.query().stores.alike(instance);
            let reached: Vec<_> =
                alike.iter().map(|&number| Arc::as_ptr(engine.storage.stores.of_number(number)).cast()).collect();
            assert_eq!(reached, [made], "an invalidation of a key in this instance");
        }
        let query = engine.find_store(&QUERY, instances[0]).expect("it was made").query();
        let all: Vec<_> = query
            .stores
            .all()
            .iter()
            .map(|&number| Arc::as_ptr(engine.storage.stores.of_number(number)).cast())
            .collect();
        assert_eq!(all, stores);
        assert!(query.stores.alike(TypeId::of::<u64>()).is_empty());
        engine.storage.check_invariants();
    }

    #[test]
    fn p10_a_query_and_its_entries_have_one_store_and_other_instantiations_their_own() {
        let engine = Engine::new(Settings::default());
        let [site, other] = sites();
        let (instance, elsewhere) = (TypeId::of::<()>(), TypeId::of::<u8>());
        let store = |site, side, function, instance, arguments| {
            let marker = Marker { side, function, instance, arguments };
            engine.store::<u32, u32>(site, marker, |_, _, _| Ok(())).number()
        };
        let [one, two, three, four, five, six] = [
            store(site, Side::Query, TypeId::of::<i8>(), instance, "<A>"),
            store(site, Side::Entry, TypeId::of::<i16>(), instance, "<A>"),
            store(site, Side::Entry, TypeId::of::<i32>(), instance, "<B>"),
            store(site, Side::Entry, TypeId::of::<i64>(), elsewhere, "<A>"),
            store(other, Side::Entry, TypeId::of::<i128>(), instance, "<A>"),
            // Of another type that is written alike.
            store(site, Side::Query, TypeId::of::<isize>(), instance, "<A>"),
        ];
        assert_eq!(one, two);
        let mut all = [one, three, four, five, six];
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(store(site, Side::Query, TypeId::of::<u16>(), instance, "<B>"), three, "the entry came first");
        engine.storage.check_invariants();
    }

    #[test]
    fn a_query_has_a_number_of_its_own_in_its_cache() {
        let engine = Engine::new(Settings::default());
        let id = |site, function| {
            let marker = Marker { side: Side::Query, function, instance: TypeId::of::<()>(), arguments: "" };
            engine.store::<u32, u32>(site, marker, |_, _, _| Ok(())).query().id
        };
        let [one, two] = sites();
        let ids = [id(one, TypeId::of::<i8>()), id(two, TypeId::of::<i16>()), id(one, TypeId::of::<i32>())];
        assert_eq!(ids, [1, 2, 1]);
        assert_eq!(QueryState::anonymous().id, 0);
    }
}
