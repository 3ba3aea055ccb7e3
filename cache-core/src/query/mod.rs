//! Queries: the static facts of an annotated function, and its state in one cache.

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use foldhash::fast::RandomState;
use once_cell::sync::Lazy;
use smallvec::SmallVec;

use crate::entry::options::EntryOptions;
use crate::eviction::segment::Quota;
use crate::stats::Counters;
use crate::store::erased::AnyStore;
use crate::sync::append_map::AppendMap;
use crate::sync::table::Table;
use crate::sync::{Arc, Map, OnceLock, RwLock};
use crate::version::registry::TagRef;
use crate::version::tag_set::TagSet;

/// What is known of an annotated function when it is compiled.
#[derive(Debug)]
pub struct Query {
    pub(crate) name: &'static str,
    pub(crate) place: SourcePlace,
    /// The names of what is its key.
    pub(crate) arguments: &'static [&'static str],
    /// The most entries there may be of it, if it says so.
    capacity: Option<usize>,
    /// How long its entries may be served, if it says so in its attribute.
    ttl: Option<Duration>,
    own_ttl: bool,
    /// The tags that all of its entries have.
    tags: &'static [&'static str],
    /// Its number among the queries of this process, from 1; 0 until it is first used.
    number: AtomicU32,
}

/// Where a function stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct SourcePlace {
    module: &'static str,
    file: &'static str,
    line: u32,
    column: u32,
}

impl Query {
    /// The facts of one function, at the place of the call. `arguments` names what is its key, in the order of its parts.
    #[track_caller]
    pub const fn new(name: &'static str, module: &'static str, arguments: &'static [&'static str]) -> Self {
        let place = Location::caller();
        let place = SourcePlace { module, file: place.file(), line: place.line(), column: place.column() };
        let (capacity, ttl, own_ttl, tags) = (None, None, false, &[] as _);
        Self { name, place, arguments, capacity, ttl, own_ttl, tags, number: AtomicU32::new(0) }
    }

    /// The same, with at most so many entries.
    #[must_use]
    pub const fn capacity(mut self, entries: usize) -> Self {
        self.capacity = Some(entries);
        self
    }

    /// The same, with entries that are served for so long.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// The same, with entries that expire by their own time to live alone, or not.
    #[must_use]
    pub const fn own_ttl(mut self, own_ttl: bool) -> Self {
        self.own_ttl = own_ttl;
        self
    }

    /// The same, with these tags on all entries.
    #[must_use]
    pub const fn tags(mut self, tags: &'static [&'static str]) -> Self {
        self.tags = tags;
        self
    }

    /// The options that all of its entries have, but for their tags: see [`QueryState::tags`].
    pub(crate) fn options(&self) -> EntryOptions {
        EntryOptions { ttl: self.ttl, own_ttl: self.own_ttl, ..EntryOptions::default() }
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
    pub(crate) query: &'static Query,
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

impl Eq for Owner {}

impl Hash for Owner {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
        self.name.hash(state);
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
    pub const fn of<T: ?Sized>(query: &'static Query) -> Self {
        Self { site: Site { query, owner: Owner::of::<T> }, place: PhantomData }
    }

    /// A query that may be of a type or not: of what is around the function or constant that the closure is in.
    pub const fn around<F>(_closure: &F, query: &'static Query) -> Self {
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
    /// Its number in its cache, from 1; 0 if it belongs to no query.
    pub(crate) id: u32,
    pub(crate) name: &'static str,
    pub(crate) module: &'static str,
    /// The type that it is a method of; empty for a free function.
    pub(crate) owner: &'static str,
    pub(crate) arguments: &'static [&'static str],
    /// The tags that all of its entries have.
    pub(crate) tags: &'static [&'static str],
    /// Their nodes in no scope, from the first entry on: they are found once, and not for each.
    pub(crate) tag_nodes: OnceLock<TagSet>,
    /// When the whole query was last invalidated.
    pub(crate) node: TagRef,
    /// When any of its keys was: for what was made from very many of them.
    pub(crate) any_key: TagRef,
    pub(crate) quota: Option<Quota>,
    pub(crate) counters: Counters,
    pub(crate) stores: StoreNumbers,
}

impl QueryState {
    /// The state of a store that is used by hand, and belongs to no query.
    pub(crate) fn anonymous() -> Self {
        Self {
            id: 0,
            name: "",
            module: "",
            owner: "",
            arguments: &[],
            tags: &[],
            tag_nodes: OnceLock::new(),
            node: TagRef::permanent(),
            any_key: TagRef::permanent(),
            quota: None,
            counters: Counters::new(),
            stores: StoreNumbers::default(),
        }
    }

    /// Whether it is that of a query, and not of a cache without queries.
    pub(crate) fn is_named(&self) -> bool {
        self.id > 0
    }

    /// The nodes of its tags in no scope, which `find` finds.
    pub(crate) fn tag_nodes(&self, find: impl FnOnce() -> TagSet) -> TagSet {
        self.tag_nodes.get_or_init(find).clone()
    }

    fn of(site: Site, id: u32, quota: Option<Quota>) -> Self {
        let Query { name, place: SourcePlace { module, .. }, arguments, tags, .. } = *site.query;
        let Owner { name: owner, .. } = (site.owner)();
        let owner = if owner == module { "" } else { owner };
        Self { id, name, module, owner, arguments, tags, quota, ..Self::anonymous() }
    }
}

/// The queries of one cache, and the stores of each. It only grows, and is read without a lock.
pub(crate) struct QueryTable(Table<QueryRow>);

/// What a cache has of one query.
#[derive(Default)]
struct QueryRow {
    states: AppendMap<Owner, Arc<QueryState>>,
    /// By the types that stand for the instantiations of the function.
    stores: AppendMap<TypeId, Arc<dyn AnyStore>>,
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
    /// meet at the same node.
    pub(crate) fn state(&self, site: Site, register: impl FnOnce() -> Arc<QueryState>) -> &Arc<QueryState> {
        let (query, owner) = (site.query, (site.owner)());
        self.0.get(query.number()).states.get_or_insert_with(owner, register)
    }

    /// The store of one instantiation of a query's function, if there is one yet.
    #[inline]
    pub(crate) fn find_store(&self, query: &Query, function: TypeId) -> Option<&Arc<dyn AnyStore>> {
        // A query without a number yet has 0, and no query has that row.
        let row = self.0.get(query.number.load(Ordering::Relaxed));
        row.stores.get(&function)
    }

    /// The store of one instantiation of a query's function, which `make` makes with its number.
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
            // Before anyone can find it here: no load is in it yet.
            store.query().stores.add(marker.instance, number);
            store
        })
    }
}

/// The numbers of a query's stores. They are numbers because stores hold their query.
#[derive(Default)]
pub(crate) struct StoreNumbers(RwLock<StoreLists>);

#[derive(Default)]
struct StoreLists {
    all: Vec<u32>,
    /// By the type that stands for the function's own generic arguments. There are several of one only if the query's
    /// type doesn't tell them apart.
    by_instance: HashMap<TypeId, SmallVec<[u32; 4]>, RandomState>,
}

impl StoreNumbers {
    fn add(&self, instance: TypeId, number: u32) {
        let mut lists = self.0.write();
        lists.all.push(number);
        lists.by_instance.entry(instance).or_default().push(number);
    }

    pub(crate) fn all(&self) -> Vec<u32> {
        self.0.read().all.clone()
    }

    /// Those of the instantiations of a function that are alike for one who names it.
    ///
    /// A first load and an invalidation of a key meet at the lock, so that one of them comes first: a store that the
    /// invalidation does not find here has only loads that begin later.
    pub(crate) fn alike(&self, instance: TypeId) -> SmallVec<[u32; 4]> {
        self.0.read().by_instance.get(&instance).cloned().unwrap_or_default()
    }
}

/// The queries of one cache by the names that they have at run time. Several types may use one name.
pub(crate) struct QueryNames {
    by_name: Map<&'static str, Vec<Arc<QueryState>>>,
    /// The number of the last one.
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

    /// The queries of a name. One that is not here yet has only loads that begin later.
    pub(crate) fn of_name(&self, name: &str) -> Vec<Arc<QueryState>> {
        self.by_name.look(name, Vec::clone).unwrap_or_default()
    }

    /// All queries, in the order of their names.
    pub(crate) fn all(&self) -> Vec<Arc<QueryState>> {
        let mut all = Vec::new();
        self.by_name.look_at_all(|namesakes| all.extend(namesakes.iter().cloned()));
        all.sort_unstable_by_key(|state| (state.name, state.module, state.owner, state.id));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::Settings;
    use crate::engine::Engine;

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

    /// The query as a method of two types.
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
        // One of another type, for the same instance. It has no part in what follows.
        store(other, TypeId::of::<u64>(), instances[500]);
        for (&instance, &made) in instances.iter().zip(&stores) {
            let found = engine.find_store(&QUERY, instance).expect("it was made");
            assert!(
                std::ptr::eq(Arc::as_ptr(found).cast(), made) && std::ptr::eq(store(site, instance, instance), made)
            );
            let alike = found.query().stores.alike(instance);
            let reached: Vec<_> =
                alike.iter().map(|&number| Arc::as_ptr(engine.stores.of_number(number)).cast()).collect();
            assert_eq!(reached, [made], "an invalidation of a key in this instance");
        }
        let query = engine.find_store(&QUERY, instances[0]).expect("it was made").query();
        let all: Vec<_> =
            query.stores.all().iter().map(|&number| Arc::as_ptr(engine.stores.of_number(number)).cast()).collect();
        assert_eq!(all, stores);
        assert!(query.stores.alike(TypeId::of::<u64>()).is_empty());
        engine.check_invariants();
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

    #[test]
    fn owners_that_are_equal_have_one_hash() {
        let hash = |owner: &Owner| {
            use std::hash::BuildHasher;
            foldhash::fast::FixedState::default().hash_one(owner)
        };
        // The same text in another place, as another crate has it.
        let name: &'static str = String::from("m::Repo<u8>").leak();
        let [one, same] = ["m::Repo<u8>", name].map(|name| Owner { id: TypeId::of::<()>(), name });
        assert!(one == same && hash(&one) == hash(&same));
        let others = [Owner { name: "m::Repo<u16>", ..one }, Owner { id: TypeId::of::<u8>(), ..one }];
        assert!(others.iter().all(|other| *other != one && hash(other) != hash(&one)));
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
