//! Queries: the static facts of an annotated function, and its state in one cache.

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering};

use once_cell::sync::Lazy;

use crate::any_store::AnyStore;
use crate::capacity::Quota;
use crate::chain::Chain;
use crate::stats::Counters;
use crate::sync::{Arc, Map, RwLock};
use crate::table::Table;
use crate::tag::Tag;
use crate::version::Cell;

/// What is known of an annotated function when it is compiled.
#[derive(Debug)]
pub struct Query {
    pub(crate) name: &'static str,
    pub(crate) place: SourcePlace,
    /// The names of what is its key.
    pub(crate) arguments: &'static [&'static str],
    /// The most entries there may be of it, if it says so.
    capacity: Option<usize>,
    /// Its number among the queries of this process, from 1; 0 until it is first used.
    number: AtomicU32,
}

/// Where a function stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SourcePlace {
    /// As `module_path!()` has it.
    pub module: &'static str,
    /// As `file!()` has it.
    pub file: &'static str,
    /// As `line!()` has it.
    pub line: u32,
    /// As `column!()` has it.
    pub column: u32,
}

impl Query {
    /// The facts of one function. `arguments` names what is its key, in the order of its parts.
    pub const fn new(name: &'static str, place: SourcePlace, arguments: &'static [&'static str]) -> Self {
        Self { name, place, arguments, capacity: None, number: AtomicU32::new(0) }
    }

    /// The same, with at most so many entries.
    #[must_use]
    pub const fn with_capacity(self, entries: usize) -> Self {
        let Self { name, place, arguments, number, .. } = self;
        Self { name, place, arguments, capacity: Some(entries), number }
    }

    fn number(&self) -> u32 {
        match self.number.load(Ordering::Relaxed) {
            0 => self.take_number(),
            number => number,
        }
    }

    /// A function without `self` may or may not be in an `impl`, and its attribute cannot know how to name what
    /// stands beside it. So it states its facts more than once, and they have the same number by being equal.
    #[cold]
    fn take_number(&self) -> u32 {
        static NUMBERS: Lazy<parking_lot::Mutex<HashMap<(SourcePlace, &'static str), u32>>> =
            Lazy::new(Default::default);
        let mut numbers = NUMBERS.lock();
        let next = u32::try_from(numbers.len() + 1).expect("there are fewer functions than that");
        let number = *numbers.entry((self.place, self.name)).or_insert(next);
        self.number.store(number, Ordering::Relaxed);
        number
    }
}

/// Names a query of one type.
///
/// A static in a generic `impl` is one for all its instantiations, so the type belongs to the identity.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    pub(crate) query: fn() -> &'static Query,
    owner: fn() -> Owner,
}

/// The type that a query is of, or what is known of what stands around it.
#[derive(Clone, Copy)]
struct Owner {
    id: TypeId,
    name: &'static str,
}

impl PartialEq for Owner {
    fn eq(&self, other: &Self) -> bool {
        // Nearly always they are the same text, in the same place.
        self.id == other.id && (std::ptr::eq(self.name, other.name) || self.name == other.name)
    }
}

impl Owner {
    fn of<T: ?Sized>() -> Self {
        Self { id: typeid::of::<T>(), name: type_name::<T>() }
    }

    /// Of a closure in a function or a constant, whose path leads through what stands around that: with the generic
    /// arguments of an `impl`, if it is one.
    ///
    /// Without such a path nothing is told apart, and more is forgotten than need be.
    fn around<F>() -> Self {
        let item = type_name::<F>().trim_end_matches("::{{closure}}");
        Self { id: TypeId::of::<()>(), name: &item[..end_of_parent(item)] }
    }
}

/// Where the last segment of a path begins. Generic arguments may contain paths, and `char` constants any sign.
fn end_of_parent(path: &str) -> usize {
    let (mut end, mut depth) = (0, 0_u32);
    let mut signs = path.char_indices().peekable();
    while let Some((at, sign)) = signs.next() {
        let next = signs.peek().map(|(_, next)| *next);
        match sign {
            '\'' => {
                // Read from the left, a literal cannot be taken for something else.
                for _ in 0..length_of_char(&path[at..]).saturating_sub(1) {
                    signs.next();
                }
            }
            // An arrow closes nothing.
            '-' if next == Some('>') => drop(signs.next()),
            '<' | '(' | '[' | '{' => depth += 1,
            '>' | ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 && next == Some(':') => {
                end = at;
                signs.next();
            }
            _ => {}
        }
    }
    end
}

/// How many signs the `char` literal has that a text begins with; 1 if it begins with a lifetime.
fn length_of_char(text: &str) -> usize {
    let mut signs = text.chars().skip(1);
    match (signs.next(), signs.next()) {
        // What is escaped may itself be a quote.
        (Some('\\'), Some(_)) => 3 + signs.take_while(|sign| *sign != '\'').count() + 1,
        (Some(_), Some('\'')) => 3,
        _ => 1,
    }
}

/// What `#[invalidates]` refers to: a query, and where (`W`) its entries are.
#[derive(Debug)]
pub struct Located<W> {
    pub(crate) site: Site,
    place: PhantomData<W>,
}

impl<W> Located<W> {
    /// A query of a type.
    pub const fn of<T: ?Sized>(query: fn() -> &'static Query) -> Self {
        Self { site: Site { query, owner: Owner::of::<T> }, place: PhantomData }
    }

    /// A query that may be of a type or not: of what is around the function or constant that the closure is in.
    pub const fn around<F>(_closure: &F, query: fn() -> &'static Query) -> Self {
        Self { site: Site { query, owner: Owner::around::<F> }, place: PhantomData }
    }
}

/// One key of a query.
///
/// It is no more than the key's hash: 64 bits with a random seed. Whatever else has the same is forgotten, too, and
/// nothing has to be kept of arguments that the body is going to take.
#[derive(Debug)]
pub struct Keyed<W> {
    pub(crate) site: Site,
    pub(crate) key: KeyHash,
    place: PhantomData<W>,
}

/// The hash of a key, in all instantiations of a query's function that are alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyHash {
    /// As it is in no scope.
    pub(crate) hash: u64,
    /// Stands for the function's own generic arguments.
    pub(crate) instance: TypeId,
}

impl<W> Keyed<W> {
    pub(crate) fn new(query: &Located<W>, key: KeyHash) -> Self {
        Self { site: query.site, key, place: PhantomData }
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
        let Query { name, place: SourcePlace { module, .. }, arguments, .. } = *(site.query)();
        let Owner { name: owner, .. } = (site.owner)();
        let owner = if owner == module { "" } else { owner };
        Self { name, module, owner, arguments, label, quota, ..Self::anonymous() }
    }
}

/// The queries of one cache, and the stores of each. It only grows, and is read without a lock.
pub(crate) struct QueryTable(Table<QueryRow>);

/// What a cache has of one query.
#[derive(Default)]
struct QueryRow {
    states: Chain<(Owner, Arc<QueryState>)>,
    stores: Chain<StoreRow>,
    /// What the first load of a store and an invalidation of a key meet at, so that one of them comes first: a store
    /// that the invalidation does not find has only loads that begin later.
    meeting: RwLock<()>,
}

struct StoreRow {
    marker: Marker,
    store: Arc<dyn AnyStore>,
}

/// The types that stand for one instantiation of a query's function.
#[derive(Clone, Copy)]
pub(crate) struct Marker {
    /// With the generic arguments of its `impl`.
    pub(crate) function: TypeId,
    /// Without: only those that one who names the function can give.
    pub(crate) instance: TypeId,
}

impl QueryTable {
    pub(crate) fn new() -> Self {
        Self(Table::new())
    }

    /// The state of a query. It is made on demand by whoever comes first, load or invalidation: both then
    /// meet at the same cell.
    pub(crate) fn state(&self, site: Site, register: impl FnOnce() -> Arc<QueryState>) -> &Arc<QueryState> {
        let (query, owner) = ((site.query)(), (site.owner)());
        let states = &self.0.get(query.number()).states;
        let is_wanted = |(of, _): &(Owner, Arc<QueryState>)| *of == owner;
        let (_, state) =
            states.find(is_wanted).unwrap_or_else(|| states.find_or_push(is_wanted, || (owner, register())));
        state
    }

    /// The store of one instantiation of a query's function, if there is one yet.
    #[inline]
    pub(crate) fn find_store(&self, query: &Query, function: TypeId) -> Option<&Arc<dyn AnyStore>> {
        // A query without a number yet has 0, and no query has that row.
        let row = self.0.get(query.number.load(Ordering::Relaxed));
        row.stores.find(|row| row.marker.function == function).map(|row| &row.store)
    }

    /// The store of one instantiation of a query's function.
    pub(crate) fn store(
        &self,
        site: Site,
        marker: Marker,
        make: impl FnOnce() -> Arc<dyn AnyStore>,
    ) -> &Arc<dyn AnyStore> {
        let row = self.0.get((site.query)().number());
        let _meeting = row.meeting.write();
        let is_wanted = |row: &StoreRow| row.marker.function == marker.function;
        &row.stores.find_or_push(is_wanted, || StoreRow { marker, store: make() }).store
    }

    /// The stores of a query of one type, in all instantiations that are alike.
    pub(crate) fn stores(&self, site: Site, instance: TypeId) -> impl Iterator<Item = &Arc<dyn AnyStore>> {
        let (row, owner) = (self.0.get((site.query)().number()), (site.owner)());
        drop(row.meeting.read());
        let state = row.states.iter().find(|(of, _)| *of == owner).map(|(_, state)| state);
        let is_own = move |store: &Arc<dyn AnyStore>| state.is_some_and(|state| Arc::ptr_eq(state, store.query()));
        let is_alike = move |row: &&StoreRow| row.marker.instance == instance && is_own(&row.store);
        row.stores.iter().filter(is_alike).map(|row| &row.store)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_around_is_the_path_without_its_last_segment() {
        let cases = [
            ("a::Repo<u8>::total<u16>", "a::Repo<u8>"),
            ("a::Repo<b::Vec<&str>>::total", "a::Repo<b::Vec<&str>>"),
            (
                "<a::Repo<fn(u8) -> c::D> as b::Trait<c::D>>::total<fn() -> c::D>",
                "<a::Repo<fn(u8) -> c::D> as b::Trait<c::D>>",
            ),
            ("a::rates::current", "a::rates"),
            ("a::b::{{closure}}::inner<a::b::{{closure}}>", "a::b::{{closure}}"),
            ("<(a::B, [c::D; 3]) as b::Trait>::total", "<(a::B, [c::D; 3]) as b::Trait>"),
            ("nothing", ""),
            ("", ""),
        ];
        for (path, parent) in cases {
            assert_eq!(&path[..end_of_parent(path)], parent);
        }
    }

    #[test]
    fn constants_in_a_path_are_no_part_of_its_structure() {
        let constants = [
            "'>'",
            "'<'",
            "':'",
            "'('",
            "')'",
            "'{'",
            "']'",
            "'-'",
            "'_'",
            "'\"'",
            "'\\''",
            "'\\\\'",
            "'\\n'",
            "'\\0'",
            "'\\u{301}'",
            "'é'",
            "true",
            "-1",
            "340282366920938463463374607431768211455",
        ];
        for constant in constants {
            for (before, after) in [("a::b", "c"), ("a::R<fn(&'_ u8) -> c::D>", "c")] {
                let function = format!("{before}::{after}<{constant}>");
                assert_eq!(&function[..end_of_parent(&function)], before, "{function}");
                let two = format!("{before}::{after}<{constant}, '>', fn(&'_ u8) -> c::D<{constant}>>");
                assert_eq!(&two[..end_of_parent(&two)], before, "{two}");
                let owner = format!("<{before}<{constant}, {constant}> as d::Trait<&'_ u8>>");
                let of_owner = format!("{owner}::{after}<{constant}>");
                assert_eq!(&of_owner[..end_of_parent(&of_owner)], owner, "{of_owner}");
            }
        }
    }

    /// As the compiler in use writes them.
    #[test]
    fn functions_with_a_char_constant_stand_where_they_stand() {
        const fn around<F>(_: &F) -> fn() -> Owner {
            Owner::around::<F>
        }

        fn path<const C: char>() -> &'static str {
            around(&|| ())().name
        }

        let paths = [
            path::<'a'>(),
            path::<'>'>(),
            path::<'<'>(),
            path::<':'>(),
            path::<'\''>(),
            path::<'\\'>(),
            path::<'"'>(),
            path::<'\u{301}'>(),
        ];
        let test = format!("{}::functions_with_a_char_constant_stand_where_they_stand", module_path!());
        assert_eq!(paths, [test.as_str(); 8]);
    }
}
