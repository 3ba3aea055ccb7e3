//! Generic functions and types: each instantiation has its own entries.

use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering};

use cache_core::{Cache, HasCache, cached_query, invalidates};

use super::mode::{block_on, pause, run};

trait Kind: 'static {
    const NAME: &'static str;
}

struct Jazz;
struct Blues;

impl Kind for Jazz {
    const NAME: &'static str = "jazz";
}

impl Kind for Blues {
    const NAME: &'static str = "blues";
}

#[derive(HasCache, Default)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    async fn get<T: Kind>(&self, id: u32) -> String {
        pause().await;
        format!("{} {id}", T::NAME)
    }

    #[invalidates(get::<T>(id))]
    async fn invalidate_one<T: Kind>(&self, id: u32) {}

    #[invalidates(get::<Jazz>(id))]
    async fn invalidate_one_of_jazz(&self, id: u32) {}

    #[invalidates("get")]
    async fn invalidate(&self) {}

    #[cached_query]
    async fn lengths<const N: usize>(&self, id: u32) -> Vec<u32> {
        pause().await;
        vec![id; N]
    }

    #[invalidates(lengths::<N>(id))]
    async fn invalidate_one_length<const N: usize>(&self, id: u32) {}

    #[invalidates("lengths")]
    async fn invalidate_lengths(&self) {}

    #[cached_query]
    async fn show<K>(&self, key: K) -> String
    where
        K: Hash + Eq + Clone + Debug + Send + Sync + 'static,
    {
        pause().await;
        format!("{key:?}")
    }

    #[invalidates(show(key.clone()))]
    async fn invalidate_one_key<K: Hash + Eq + Clone + Debug + Send + Sync + 'static>(&self, key: K) {}

    #[invalidates(show)]
    async fn invalidate_keys(&self) {}

    #[cached_query]
    async fn borrowed<K: Hash + Eq + Clone + Debug + Send + Sync + 'static>(&self, keys: &[K]) -> String {
        pause().await;
        format!("{keys:?}")
    }

    #[invalidates(borrowed(keys))]
    async fn invalidate_one_slice<K: Hash + Eq + Clone + Debug + Send + Sync + 'static>(&self, keys: &[K]) {}

    #[cached_query]
    async fn longest<'a, 'b: 'a>(&self, one: &'a str, other: &'b str) -> String {
        pause().await;
        std::cmp::max_by_key(one, other, |text| text.len()).to_owned()
    }

    #[invalidates(longest(one, other))]
    async fn invalidate_longest<'a>(&self, one: &'a str, other: &'a str) -> &'a str {
        if one < other { one } else { other }
    }
}

#[test]
fn p10_a_generic_method() {
    block_on(async {
        let repo = Repo::default();
        let invalidate_ones: [fn(&Repo, u32); 2] = [
            |repo, id| run!(repo.invalidate_one::<Jazz>(id).await),
            |repo, id| run!(repo.invalidate_one_of_jazz(id).await),
        ];
        for invalidate_one in invalidate_ones {
            check!(
                &repo.cache;
                repo.get::<Jazz>(1).await => "get(id = 1)",
                repo.get::<Jazz>(2).await => "get(id = 2)",
                repo.get::<Blues>(1).await => "get(id = 1)";
                one: invalidate_one(&repo, 1);
                all: repo.invalidate().await
            );
            repo.invalidate().await;
        }
    });
}

#[test]
fn p10_a_method_with_a_const_parameter() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.lengths::<1>(7).await => "lengths(id = 7)",
            repo.lengths::<2>(7).await => "lengths(id = 7)",
            repo.lengths::<1>(8).await => "lengths(id = 8)";
            one: repo.invalidate_one_length::<1>(7).await;
            all: repo.invalidate_lengths().await
        );
    });
}

#[derive(HasCache, Default)]
struct Cells {
    cache: Cache,
    loads: AtomicU32,
}

impl Cells {
    #[cached_query]
    async fn cell<const A: usize, const B: usize, const C: usize>(&self, id: u32) -> ([usize; 3], u32) {
        pause().await;
        self.loads.fetch_add(1, Ordering::Relaxed);
        ([A, B, C], id)
    }

    #[invalidates(cell::<A, B, C>(id))]
    async fn invalidate_one_cell<const A: usize, const B: usize, const C: usize>(&self, id: u32) {}

    #[cached_query]
    async fn other(&self) -> u32 {
        pause().await;
        self.loads.load(Ordering::Relaxed)
    }
}

struct Cell {
    at: [usize; 3],
    get: fn(&Cells, u32) -> ([usize; 3], u32),
    invalidate_one: fn(&Cells, u32),
}

macro_rules! for_each_number {
    ($next:ident, [$($number:ident),*], $cells:ident) => {
        $next::<$($number,)* 0>($cells);
        $next::<$($number,)* 1>($cells);
        $next::<$($number,)* 2>($cells);
        $next::<$($number,)* 3>($cells);
        $next::<$($number,)* 4>($cells);
        $next::<$($number,)* 5>($cells);
    };
}

fn add_cells(cells: &mut Vec<Cell>) {
    for_each_number!(add_plane, [], cells);
}

fn add_plane<const A: usize>(cells: &mut Vec<Cell>) {
    for_each_number!(add_row, [A], cells);
}

fn add_row<const A: usize, const B: usize>(cells: &mut Vec<Cell>) {
    for_each_number!(add_cell, [A, B], cells);
}

fn add_cell<const A: usize, const B: usize, const C: usize>(cells: &mut Vec<Cell>) {
    cells.push(Cell {
        at: [A, B, C],
        get: |repo, id| run!(repo.cell::<A, B, C>(id).await),
        invalidate_one: |repo, id| run!(repo.invalidate_one_cell::<A, B, C>(id).await),
    });
}

#[test]
fn p10_two_hundred_instantiations_of_one_query() {
    let (repo, mut cells) = (Cells::default(), Vec::new());
    add_cells(&mut cells);
    // Calls every query with its key, and returns which of them loaded.
    let call_all = || {
        let mut loaded = Vec::new();
        for (number, cell) in cells.iter().enumerate() {
            for id in [1, 2] {
                let before = repo.loads.load(Ordering::Relaxed);
                assert_eq!((cell.get)(&repo, id), (cell.at, id));
                if repo.loads.load(Ordering::Relaxed) > before {
                    loaded.push((number, id));
                }
            }
        }
        loaded
    };
    assert_eq!(call_all().len(), 2 * 216);
    assert_eq!(call_all(), []);
    let entries = || repo.cache.query_stats().iter().map(|query| (query.query, query.entries)).collect::<Vec<_>>();
    assert_eq!(entries(), [("cell", 2 * 216)]);

    for number in [0, 1, 2, 100, 215] {
        (cells[number].invalidate_one)(&repo, 2);
    }
    assert_eq!(entries(), [("cell", 2 * 216 - 5)]);
    assert_eq!(call_all(), [0, 1, 2, 100, 215].map(|number| (number, 2)), "each call must load");

    block_on(async {
        repo.other().await;
    });
    repo.cache.invalidate(["cell"]);
    assert_eq!(entries(), [("cell", 0), ("other", 1)], "a name invalidates all instantiations, and no other query");
    assert_eq!(call_all().len(), 2 * 216);
}

#[test]
fn p10_a_generic_argument() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.show(1_u8).await => "show(key = 1)",
            repo.show(2_u8).await => "show(key = 2)",
            repo.show("1").await => "show(key = \"1\")",
            repo.show(vec!['a']).await => "show(key = ['a'])";
            one: repo.invalidate_one_key(1_u8).await;
            all: repo.invalidate_keys().await
        );
        repo.invalidate_keys().await;
        assert_eq!((repo.show(1_u8).await, repo.show(1_u16).await), ("1".into(), "1".into()));
        repo.invalidate_one_key(1_u32).await;
        assert_eq!(repo.cache.len(), 2, "equal numbers of three types are three keys");
    });
}

#[test]
fn a_slice_of_a_generic_type() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.borrowed(&[1, 2]).await => "borrowed(keys = [1, 2])",
            repo.borrowed(&[1]).await => "borrowed(keys = [1])",
            repo.borrowed(&["a"]).await => "borrowed(keys = [\"a\"])";
            one: repo.invalidate_one_slice(&[1, 2]).await;
            all: repo.cache.invalidate(["borrowed"])
        );
    });
}

#[test]
fn named_lifetimes() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.longest("a", "bc").await => "longest(one = \"a\", other = \"bc\")",
            repo.longest("abc", "b").await => "longest(one = \"abc\", other = \"b\")";
            one: assert_eq!(repo.invalidate_longest("a", &String::from("bc")).await, "a");
            all: repo.cache.invalidate(["longest"])
        );
    });
}

#[derive(HasCache)]
struct Of<T, const N: usize = 1> {
    #[cache]
    cache: Cache,
    of: PhantomData<T>,
}

impl<T, const N: usize> Of<T, N>
where
    T: Kind,
{
    fn new(cache: &Cache) -> Self {
        Self { cache: cache.clone(), of: PhantomData }
    }

    #[cached_query]
    async fn get(&self, id: u32) -> String {
        pause().await;
        format!("{} {N} {id}", T::NAME)
    }

    #[invalidates(get(id))]
    async fn invalidate_one(&self, id: u32) {}

    #[invalidates("get")]
    async fn invalidate(&self) {}

    #[invalidates(Self::get(id))]
    async fn invalidate_one_by_type(&self, id: u32) {}

    #[invalidates(Of::<Blues, N>::get(id))]
    async fn invalidate_one_of_blues(&self, id: u32) {}
}

#[test]
fn p10_a_generic_type_with_a_const_parameter() {
    block_on(async {
        let cache = Cache::new();
        let (jazz, jazz_2) = (Of::<Jazz>::new(&cache), Of::<Jazz, 2>::new(&cache));
        let blues = Of::<Blues>::new(&cache);
        let invalidate_ones: [fn(&Of<Jazz>, u32); 2] =
            [|of, id| run!(of.invalidate_one(id).await), |of, id| run!(of.invalidate_one_by_type(id).await)];
        for invalidate_one in invalidate_ones {
            check!(
                &cache;
                jazz.get(1).await => "get(id = 1)",
                jazz.get(2).await => "get(id = 2)",
                jazz_2.get(1).await => "get(id = 1)",
                blues.get(1).await => "get(id = 1)";
                one: invalidate_one(&jazz, 1);
                all: { jazz.invalidate().await; jazz_2.invalidate().await; blues.invalidate().await }
            );
            jazz_2.invalidate().await;
            jazz.invalidate_one_of_blues(1).await;
            assert_eq!(cache.len(), 2, "the entries of jazz stay");
            jazz.invalidate().await;
        }
    });
}

struct Borrowing<'c> {
    cache: &'c Cache,
}

impl HasCache for Borrowing<'_> {
    fn cache(&self) -> &Cache {
        self.cache
    }
}

impl<'c> Borrowing<'c> {
    #[cached_query]
    async fn get(&self, id: u32) -> u32 {
        pause().await;
        id
    }

    #[invalidates(get(id))]
    async fn invalidate_one(&self, id: u32) -> &'c Cache {
        self.cache
    }

    #[invalidates("get")]
    async fn invalidate(&self) {}
}

#[test]
fn a_type_that_borrows_its_cache() {
    block_on(async {
        let cache = Cache::new();
        let repo = Borrowing { cache: &cache };
        check!(
            &cache;
            repo.get(1).await => "get(id = 1)", repo.get(2).await => "get(id = 2)";
            one: assert_eq!(repo.invalidate_one(1).await.len(), 1);
            all: Borrowing { cache: &cache }.invalidate().await
        );
    });
}

trait Source {
    fn id(&self) -> u32;
}

impl Source for u32 {
    fn id(&self) -> u32 {
        *self
    }
}

impl Repo {
    #[cached_query(key(source.id()))]
    async fn read(&self, source: impl Source) -> u32 {
        pause().await;
        source.id() + 1
    }

    #[invalidates(read(source.clone()))]
    async fn invalidate_one_source(&self, source: impl Source + Clone) {}

    #[cached_query]
    async fn hashed(&self, source: impl Hash + Eq + Clone + Debug + Send + Sync + 'static) -> String {
        pause().await;
        format!("{source:?}")
    }

    #[cached_query(skip(log))]
    async fn logged(&self, id: u32, mut log: impl FnMut(u32)) -> u32 {
        pause().await;
        log(id);
        id
    }
}

#[test]
fn an_argument_of_an_opaque_type() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.read(1).await => "read(source.id() = 1)", repo.read(2).await => "read(source.id() = 2)";
            one: repo.invalidate_one_source(1).await;
            all: repo.cache.invalidate(["read"])
        );
        repo.cache.invalidate_all();
        assert_eq!(
            (repo.hashed(1).await, repo.hashed("1").await, repo.hashed(1).await),
            ("1".into(), "\"1\"".into(), "1".into())
        );
        assert_eq!(crate::check::shown(&repo.cache), ["hashed(source = \"1\")", "hashed(source = 1)"]);
    });
}

#[test]
fn a_skipped_argument_of_an_opaque_type() {
    block_on(async {
        let repo = Repo::default();
        let mut logged = Vec::new();
        for id in [1, 1, 2] {
            assert_eq!(repo.logged(id, |id| logged.push(id)).await, id);
        }
        assert_eq!(logged.len(), repo.cache.len());
        assert_eq!(crate::check::shown(&repo.cache), ["logged(id = 1)", "logged(id = 2)"]);
    });
}
