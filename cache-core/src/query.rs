//! Queries: the static facts of an annotated function, and its state in one cache.

use std::any::{TypeId, type_name};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::any_store::AnyStore;
use crate::capacity::Quota;
use crate::chain::Chain;
use crate::stats::Counters;
use crate::sync::{Arc, Map};
use crate::table::Table;
use crate::tag::Tag;
use crate::version::Cell;

/// What is known of an annotated function when it is compiled.
#[derive(Debug)]
pub struct Query {
    pub(crate) name: &'static str,
    pub(crate) module: &'static str,
    /// The names of the arguments that are its key.
    pub(crate) arguments: &'static [&'static str],
    /// The most entries there may be of it, if it says so.
    capacity: Option<usize>,
    /// Its number among the queries of this process, from 1; 0 until it is first used.
    number: AtomicU32,
}

impl Query {
    /// The facts of one function. `arguments` are those that are its key, in their order.
    pub const fn new(name: &'static str, module: &'static str, arguments: &'static [&'static str]) -> Self {
        Self { name, module, arguments, capacity: None, number: AtomicU32::new(0) }
    }

    /// The same, with at most so many entries.
    #[must_use]
    pub const fn with_capacity(self, entries: usize) -> Self {
        let Self { name, module, arguments, number, .. } = self;
        Self { name, module, arguments, capacity: Some(entries), number }
    }

    fn number(&self) -> u32 {
        match self.number.load(Ordering::Relaxed) {
            0 => self.take_number(),
            number => number,
        }
    }

    #[cold]
    fn take_number(&self) -> u32 {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        // The number of a thread that comes second is never used.
        match self.number.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => number,
            Err(first) => first,
        }
    }
}

/// Names a query of one type.
///
/// A static in a generic `impl` is one for all its instantiations, so the type belongs to the identity.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    query: fn() -> &'static Query,
    owner: fn() -> TypeId,
    owner_name: fn() -> &'static str,
}

/// What `#[invalidates]` refers to: a query, and where (`W`) its entries are.
#[derive(Debug)]
pub struct Located<W> {
    pub(crate) site: Site,
    place: PhantomData<W>,
}

impl<W> Located<W> {
    /// A query of the type `Owner`; of a free function, `()`.
    pub const fn of<Owner: ?Sized>(query: fn() -> &'static Query) -> Self {
        let site = Site { query, owner: typeid::of::<Owner>, owner_name: type_name::<Owner> };
        Self { site, place: PhantomData }
    }
}

/// The state of one query of one type in one cache.
pub(crate) struct QueryState {
    pub(crate) name: &'static str,
    pub(crate) module: &'static str,
    /// The type that it is a method of; empty for a free function.
    pub(crate) owner: &'static str,
    pub(crate) arguments: &'static [&'static str],
    /// Raised when the whole query is invalidated.
    pub(crate) cell: Cell,
    /// Names the query in a scope's registry.
    pub(crate) label: Tag,
    pub(crate) quota: Option<Quota>,
    pub(crate) counters: Counters,
}

impl QueryState {
    /// The state of a store that is used by hand, and belongs to no query.
    pub(crate) fn anonymous() -> Self {
        Self {
            name: "",
            module: "",
            owner: "",
            arguments: &[],
            cell: Cell::default(),
            label: Tag::from(""),
            quota: None,
            counters: Counters::new(),
        }
    }

    fn of(site: Site, label: Tag, quota: Option<Quota>) -> Self {
        let Query { name, module, arguments, .. } = *(site.query)();
        let owner = if (site.owner)() == TypeId::of::<()>() { "" } else { (site.owner_name)() };
        Self { name, module, owner, arguments, label, quota, ..Self::anonymous() }
    }
}

/// The queries of one cache, and the stores of each. It only grows, and is read without a lock.
pub(crate) struct QueryTable(Table<QueryRow>);

/// What a cache has of one query.
#[derive(Default)]
struct QueryRow {
    states: Chain<(TypeId, Arc<QueryState>)>,
    /// By the type that stands for the function with its generic arguments.
    stores: Chain<(TypeId, Arc<dyn AnyStore>)>,
}

impl QueryTable {
    pub(crate) fn new() -> Self {
        Self(Table::new())
    }

    /// The state of a query. It is made on demand by whoever comes first, load or invalidation: both then
    /// meet at the same cell.
    pub(crate) fn state(&self, site: Site, register: impl FnOnce() -> Arc<QueryState>) -> &Arc<QueryState> {
        let (query, owner) = ((site.query)(), (site.owner)());
        let (_, state) = self.0.get(query.number()).states.find_or_push(|(of, _)| *of == owner, || (owner, register()));
        state
    }

    /// The store of one instantiation of a query's function, which the type `marker` stands for.
    pub(crate) fn store(
        &self,
        site: Site,
        marker: TypeId,
        make: impl FnOnce() -> Arc<dyn AnyStore>,
    ) -> &Arc<dyn AnyStore> {
        let row = self.0.get((site.query)().number());
        let (_, store) = row.stores.find_or_push(|(of, _)| *of == marker, || (marker, make()));
        store
    }
}

/// The queries of one cache by the names that they have at run time. Several types may use one name.
pub(crate) struct QueryNames {
    by_name: Map<&'static str, Vec<Arc<QueryState>>>,
}

impl QueryNames {
    pub(crate) fn new(parts: usize) -> Self {
        Self { by_name: Map::new(parts) }
    }

    pub(crate) fn register(&self, site: Site, quota: impl FnOnce(usize) -> Quota) -> Arc<QueryState> {
        let Query { name, capacity, .. } = *(site.query)();
        let register = |namesakes: &mut Vec<_>| {
            let label = Tag::from(format!("{name}#{}", namesakes.len()));
            let state = Arc::new(QueryState::of(site, label, capacity.map(quota)));
            namesakes.push(state.clone());
            state
        };
        self.by_name.with(name, |_| Vec::new(), register)
    }

    /// Visits the queries of a name. The lock is what a first load and an invalidation meet at: see
    /// [`crate::version`].
    pub(crate) fn for_each(&self, name: &str, visit: impl FnMut(&Arc<QueryState>)) {
        self.by_name.look(name, |namesakes| namesakes.iter().for_each(visit));
    }

    /// All queries, in the order of their names.
    pub(crate) fn all(&self) -> Vec<Arc<QueryState>> {
        let mut all = Vec::new();
        self.by_name.look_at_all(|namesakes| all.extend(namesakes.iter().cloned()));
        all.sort_by_key(|state| (state.name, state.module, state.owner));
        all
    }
}
