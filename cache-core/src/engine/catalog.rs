//! From a query to its state and its stores, and from a name to its queries.

use std::any::TypeId;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::eviction::quota::Quota;
use crate::query::owner::Owner;
use crate::query::state::QueryState;
use crate::query::{Query, Site};
use crate::store::storage::AnyStore;
use crate::sync::append_map::AppendMap;
use crate::sync::table::Table;
use crate::sync::{Arc, Map};

/// The table only grows, and is read without a lock.
pub(crate) struct QueryTable(Table<QueryRow>);

#[derive(Default)]
struct QueryRow {
    states: AppendMap<Owner, Arc<QueryState>>,
    /// By the type of an instantiation of the function.
    stores: AppendMap<TypeId, Arc<dyn AnyStore>>,
}

/// Types that stand for one instantiation of a query's function.
#[derive(Clone, Copy)]
pub(crate) struct Marker {
    /// Includes the generic arguments of its `impl`.
    pub(crate) function: TypeId,
    /// Only those that a caller who names the function can give.
    pub(crate) instance: TypeId,
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

    /// `make` gets the number of the store.
    pub(crate) fn store(
        &self,
        site: Site,
        marker: Marker,
        make: &mut dyn FnMut() -> (u32, Arc<dyn AnyStore>),
    ) -> &Arc<dyn AnyStore> {
        let row = self.0.get(site.query.number());
        if let Some(store) = row.stores.get(&marker.function) {
            return store;
        }
        row.stores.get_or_insert_with(marker.function, || {
            let (number, store) = make();
            // Before anyone can find the store: it has no load yet.
            store.query().stores.add(marker.instance, number);
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

    pub(crate) fn register(&self, site: Site, quota: impl FnOnce(usize) -> Quota) -> Arc<QueryState> {
        let Query { name, capacity, .. } = *site.query;
        let register = |namesakes: &mut Vec<_>| {
            let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
            let state = Arc::new(QueryState::of(site, id, capacity.map(quota)));
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
            let marker = Marker { function, instance };
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
    fn a_query_has_a_number_of_its_own_in_its_cache() {
        let engine = Engine::new(Settings::default());
        let id = |site, function| {
            let marker = Marker { function, instance: TypeId::of::<()>() };
            engine.store::<u32, u32>(site, marker, |_, _, _| Ok(())).query().id
        };
        let [one, two] = sites();
        let ids = [id(one, TypeId::of::<i8>()), id(two, TypeId::of::<i16>()), id(one, TypeId::of::<i32>())];
        assert_eq!(ids, [1, 2, 1]);
        assert_eq!(QueryState::anonymous().id, 0);
    }
}
