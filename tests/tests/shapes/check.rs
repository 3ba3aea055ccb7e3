//! The checks that every query must pass, whatever its shape.

use std::fmt::Debug;

use cache_core::{Cache, EntryInfo, Tag};

/// Checks a query, or several of one cache: calls, each with its entry; then an expression that invalidates the first
/// entry only, and one that invalidates all. Each may await, if the `run!` in scope does.
macro_rules! check {
    ($cache:expr; $($call:expr => $shown:expr),+ $(,)?; one: $one:expr; all: $all:expr $(;)?) => {
        $crate::check::check(
            $cache,
            module_path!(),
            &[$($crate::check::Call::new($shown, || run!($call))),+],
            || run!($one),
            || run!($all),
        )
    };
}

/// A call, and its entry: `get(id = 1) [tag]`.
pub(crate) struct Call<'a, V> {
    shown: &'static str,
    run: Box<dyn Fn() -> V + 'a>,
}

impl<'a, V> Call<'a, V> {
    pub(crate) fn new(shown: &'static str, run: impl Fn() -> V + 'a) -> Self {
        Self { shown, run: Box::new(run) }
    }
}

/// Equal calls load once, different ones separately; `one` invalidates only the first, and `all` all of them. The
/// queries are in `module` or in a module within.
pub(crate) fn check<V: PartialEq + Debug>(
    cache: &Cache,
    module: &str,
    calls: &[Call<'_, V>],
    one: impl Fn(),
    all: impl Fn(),
) {
    let names = Names::of(module, calls);
    assert_eq!(names.shown(cache), [""; 0], "nothing may be cached before the check");
    let before = names.loads(cache);
    let loads = || names.loads(cache) - before;
    let mut values = Vec::new();
    for (number, call) in (1..).zip(calls) {
        let value = (call.run)();
        assert_eq!((call.run)(), value, "{}: the second call returned another value", call.shown);
        assert_eq!(loads(), number, "{}: two equal calls must load once", call.shown);
        assert!(!values.contains(&value), "{}: {value:?} is another call's value", call.shown);
        values.push(value);
    }
    let all_again = || {
        for (call, value) in calls.iter().zip(&values) {
            assert_eq!(&(call.run)(), value, "{}: the value has changed", call.shown);
        }
    };
    let number = u64::try_from(calls.len()).unwrap();
    assert_eq!(names.shown(cache), sorted(calls));
    one();
    assert_eq!(names.shown(cache), sorted(&calls[1..]), "after one was invalidated");
    all_again();
    assert_eq!(loads(), number + 1, "exactly one must be loaded again");
    all();
    assert_eq!(names.shown(cache), [""; 0], "after all were invalidated");
    all_again();
    assert_eq!(loads(), 2 * number + 1, "all must be loaded again");
    if !std::ptr::eq(cache, Cache::global()) {
        // Other tests use the global cache at the same time.
        cache.check_invariants();
    }
}

fn sorted<V>(calls: &[Call<'_, V>]) -> Vec<&'static str> {
    let mut shown: Vec<_> = calls.iter().map(|call| call.shown).collect();
    shown.sort_unstable();
    shown
}

/// Restricts the checks to some queries: other tests and the synchronous twin share the global cache.
struct Names<'a> {
    module: &'a str,
    names: Vec<&'static str>,
}

impl<'a> Names<'a> {
    fn of<V>(module: &'a str, calls: &[Call<'_, V>]) -> Self {
        let names = calls.iter().map(|call| call.shown.split_once('(').expect("a name with arguments").0).collect();
        Self { module, names }
    }

    fn have(&self, query: &'static str, module: &str) -> bool {
        self.names.contains(&query) && is_in(self.module, module)
    }

    fn shown(&self, cache: &Cache) -> Vec<String> {
        shown_where(cache, |entry| self.have(entry.query, entry.module))
    }

    fn loads(&self, cache: &Cache) -> u64 {
        let stats = cache.query_stats();
        stats.iter().filter(|query| self.have(query.query, query.module)).map(|query| query.loads).sum()
    }
}

/// Whether `other` is `module`, or within it.
fn is_in(module: &str, other: &str) -> bool {
    other.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// All entries, as `get(id = 1) [tag]`, sorted.
pub(crate) fn shown(cache: &Cache) -> Vec<String> {
    shown_where(cache, |_| true)
}

/// Those of queries in a module, or within it.
pub(crate) fn shown_of(cache: &Cache, module: &str) -> Vec<String> {
    shown_where(cache, |entry| is_in(module, entry.module))
}

fn shown_where(cache: &Cache, which: impl Fn(&EntryInfo) -> bool) -> Vec<String> {
    let of = |entry: EntryInfo| {
        let mut tags: Vec<_> = entry.tags.iter().map(Tag::as_str).collect();
        tags.sort_unstable();
        let tags = if tags.is_empty() { String::new() } else { format!(" [{}]", tags.join(", ")) };
        format!("{}({}){tags}", entry.query, entry.arguments)
    };
    let mut shown: Vec<_> = cache.entries().into_iter().filter(which).map(of).collect();
    shown.sort_unstable();
    shown
}

/// The entries that a write removes.
pub(crate) fn invalidated(cache: &Cache, write: impl FnOnce()) -> Vec<String> {
    let mut gone = shown(cache);
    write();
    for entry in shown(cache) {
        let at = gone.iter().position(|before| *before == entry).expect("a write adds no entry");
        gone.remove(at);
    }
    gone
}
