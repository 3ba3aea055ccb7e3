//! What holds for a query of any shape, in one place.

use std::fmt::Debug;

use cache_core::{Cache, EntryInfo, Tag};

/// Checks a query, or several of one cache: calls, each with the entry that it leaves, then what forgets the entry
/// of the first of them, then what forgets them all. Each of them may await, where the `run!` that is in scope awaits.
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

/// A call, and the entry that it leaves: `get(id = 1) [tag]`.
pub(crate) struct Call<'a, V> {
    shown: &'static str,
    run: Box<dyn Fn() -> V + 'a>,
}

impl<'a, V> Call<'a, V> {
    pub(crate) fn new(shown: &'static str, run: impl Fn() -> V + 'a) -> Self {
        Self { shown, run: Box::new(run) }
    }
}

/// Two equal calls load once, different ones apart; `one` forgets the first alone, and `all` forgets all. The queries
/// are in `module`, or further in.
pub(crate) fn check<V: PartialEq + Debug>(
    cache: &Cache,
    module: &str,
    calls: &[Call<'_, V>],
    one: impl Fn(),
    all: impl Fn(),
) {
    let names = Names::of(module, calls);
    assert_eq!(names.shown(cache), [""; 0], "a check begins with none of them cached");
    let before = names.loads(cache);
    let loads = || names.loads(cache) - before;
    let mut values = Vec::new();
    for (number, call) in (1..).zip(calls) {
        let value = (call.run)();
        assert_eq!((call.run)(), value, "{}: the second call got something else", call.shown);
        assert_eq!(loads(), number, "{}: not one load for two equal calls", call.shown);
        assert!(!values.contains(&value), "{}: {value:?} is the value of another call", call.shown);
        values.push(value);
    }
    let all_again = || {
        for (call, value) in calls.iter().zip(&values) {
            assert_eq!(&(call.run)(), value, "{}: another value than before", call.shown);
        }
    };
    let number = u64::try_from(calls.len()).unwrap();
    assert_eq!(names.shown(cache), sorted(calls));
    one();
    assert_eq!(names.shown(cache), sorted(&calls[1..]), "after one was forgotten");
    all_again();
    assert_eq!(loads(), number + 1, "one was to be loaded again");
    all();
    assert_eq!(names.shown(cache), [""; 0], "after all were forgotten");
    all_again();
    assert_eq!(loads(), 2 * number + 1, "all were to be loaded again");
    if !std::ptr::eq(cache, Cache::global()) {
        // Other tests use the global one meanwhile.
        cache.check_invariants();
    }
}

fn sorted<V>(calls: &[Call<'_, V>]) -> Vec<&'static str> {
    let mut shown: Vec<_> = calls.iter().map(|call| call.shown).collect();
    shown.sort_unstable();
    shown
}

/// Of which queries: the global cache is that of other tests too, and of the twin of each test.
struct Names<'a> {
    module: &'a str,
    names: Vec<&'static str>,
}

impl<'a> Names<'a> {
    fn of<V>(module: &'a str, calls: &[Call<'_, V>]) -> Self {
        let names = calls.iter().map(|call| call.shown.split_once('(').expect("a name and arguments").0).collect();
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

/// Whether it is a module, or one in it.
fn is_in(module: &str, other: &str) -> bool {
    other.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// All entries, as `get(id = 1) [tag]`, in order.
pub(crate) fn shown(cache: &Cache) -> Vec<String> {
    shown_where(cache, |_| true)
}

/// Those whose queries are in a module, or further in.
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

/// What is no longer there after a write.
pub(crate) fn forgotten(cache: &Cache, write: impl FnOnce()) -> Vec<String> {
    let mut gone = shown(cache);
    write();
    for entry in shown(cache) {
        let at = gone.iter().position(|before| *before == entry).expect("a write adds no entry");
        gone.remove(at);
    }
    gone
}
