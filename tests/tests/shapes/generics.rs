//! Generic functions and types: each instantiation has entries of its own.

use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;

use cache_core::{Cache, HasCache, cached_query, invalidates};

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
    fn get<T: Kind>(&self, id: u32) -> String {
        format!("{} {id}", T::NAME)
    }

    #[invalidates(get::<T>(id))]
    fn forget_one<T: Kind>(&self, id: u32) {}

    #[invalidates(get::<Jazz>(id))]
    fn forget_one_of_jazz(&self, id: u32) {}

    #[invalidates("get")]
    fn forget(&self) {}

    #[cached_query]
    fn lengths<const N: usize>(&self, id: u32) -> Vec<u32> {
        vec![id; N]
    }

    #[invalidates(lengths::<N>(id))]
    fn forget_one_length<const N: usize>(&self, id: u32) {}

    #[invalidates("lengths")]
    fn forget_lengths(&self) {}

    #[cached_query]
    fn show<K>(&self, key: K) -> String
    where
        K: Hash + Eq + Clone + Debug + Send + Sync + 'static,
    {
        format!("{key:?}")
    }

    #[invalidates(show(key.clone()))]
    fn forget_one_key<K: Hash + Eq + Clone + Debug + Send + Sync + 'static>(&self, key: K) {}

    #[invalidates(show)]
    fn forget_keys(&self) {}

    #[cached_query]
    fn borrowed<K: Hash + Eq + Clone + Debug + Send + Sync + 'static>(&self, keys: &[K]) -> String {
        format!("{keys:?}")
    }

    #[invalidates(borrowed(keys))]
    fn forget_one_slice<K: Hash + Eq + Clone + Debug + Send + Sync + 'static>(&self, keys: &[K]) {}

    #[cached_query]
    fn longest<'a, 'b: 'a>(&self, one: &'a str, other: &'b str) -> String {
        std::cmp::max_by_key(one, other, |text| text.len()).to_owned()
    }

    #[invalidates(longest(one, other))]
    fn forget_longest<'a>(&self, one: &'a str, other: &'a str) -> &'a str {
        if one < other { one } else { other }
    }
}

#[test]
fn p10_a_generic_method() {
    let repo = Repo::default();
    for forget_one in [Repo::forget_one::<Jazz>, Repo::forget_one_of_jazz] {
        check!(
            &repo.cache;
            repo.get::<Jazz>(1) => "get(id = 1)",
            repo.get::<Jazz>(2) => "get(id = 2)",
            repo.get::<Blues>(1) => "get(id = 1)";
            one: forget_one(&repo, 1);
            all: repo.forget()
        );
        repo.forget();
    }
}

#[test]
fn p10_a_method_with_a_const_parameter() {
    let repo = Repo::default();
    check!(
        &repo.cache;
        repo.lengths::<1>(7) => "lengths(id = 7)",
        repo.lengths::<2>(7) => "lengths(id = 7)",
        repo.lengths::<1>(8) => "lengths(id = 8)";
        one: repo.forget_one_length::<1>(7);
        all: repo.forget_lengths()
    );
}

#[test]
fn p10_a_generic_argument() {
    let repo = Repo::default();
    check!(
        &repo.cache;
        repo.show(1_u8) => "show(key = 1)",
        repo.show(2_u8) => "show(key = 2)",
        repo.show("1") => "show(key = \"1\")",
        repo.show(vec!['a']) => "show(key = ['a'])";
        one: repo.forget_one_key(1_u8);
        all: repo.forget_keys()
    );
    repo.forget_keys();
    assert_eq!((repo.show(1_u8), repo.show(1_u16)), ("1".into(), "1".into()));
    repo.forget_one_key(1_u32);
    assert_eq!(repo.cache.len(), 2, "equal numbers of three types are three keys");
}

#[test]
fn a_slice_of_a_generic_type() {
    let repo = Repo::default();
    check!(
        &repo.cache;
        repo.borrowed(&[1, 2]) => "borrowed(keys = [1, 2])",
        repo.borrowed(&[1]) => "borrowed(keys = [1])",
        repo.borrowed(&["a"]) => "borrowed(keys = [\"a\"])";
        one: repo.forget_one_slice(&[1, 2]);
        all: repo.cache.invalidate(["borrowed"])
    );
}

#[test]
fn named_lifetimes() {
    let repo = Repo::default();
    check!(
        &repo.cache;
        repo.longest("a", "bc") => "longest(one = \"a\", other = \"bc\")",
        repo.longest("abc", "b") => "longest(one = \"abc\", other = \"b\")";
        one: assert_eq!(repo.forget_longest("a", &String::from("bc")), "a");
        all: repo.cache.invalidate(["longest"])
    );
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
    fn get(&self, id: u32) -> String {
        format!("{} {N} {id}", T::NAME)
    }

    #[invalidates(get(id))]
    fn forget_one(&self, id: u32) {}

    #[invalidates("get")]
    fn forget(&self) {}

    #[invalidates(Self::get(id))]
    fn forget_one_by_type(&self, id: u32) {}

    #[invalidates(Of::<Blues, N>::get(id))]
    fn forget_one_of_blues(&self, id: u32) {}
}

#[test]
fn p10_a_generic_type_with_a_const_parameter() {
    let cache = Cache::new();
    let (jazz, jazz_2) = (Of::<Jazz>::new(&cache), Of::<Jazz, 2>::new(&cache));
    let blues = Of::<Blues>::new(&cache);
    for forget_one in [Of::<Jazz>::forget_one, Of::<Jazz>::forget_one_by_type] {
        check!(
            &cache;
            jazz.get(1) => "get(id = 1)",
            jazz.get(2) => "get(id = 2)",
            jazz_2.get(1) => "get(id = 1)",
            blues.get(1) => "get(id = 1)";
            one: forget_one(&jazz, 1);
            all: { jazz.forget(); jazz_2.forget(); blues.forget() }
        );
        jazz_2.forget();
        jazz.forget_one_of_blues(1);
        assert_eq!(cache.len(), 2, "those of jazz stay");
        jazz.forget();
    }
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
    fn get(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(get(id))]
    fn forget_one(&self, id: u32) -> &'c Cache {
        self.cache
    }

    #[invalidates("get")]
    fn forget(&self) {}
}

#[test]
fn a_type_that_borrows_its_cache() {
    let cache = Cache::new();
    let repo = Borrowing { cache: &cache };
    check!(
        &cache;
        repo.get(1) => "get(id = 1)", repo.get(2) => "get(id = 2)";
        one: assert_eq!(repo.forget_one(1).len(), 1);
        all: Borrowing { cache: &cache }.forget()
    );
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
    fn read(&self, source: impl Source) -> u32 {
        source.id() + 1
    }

    #[invalidates(read(source.clone()))]
    fn forget_one_source(&self, source: impl Source + Clone) {}

    #[cached_query]
    fn hashed(&self, source: impl Hash + Eq + Clone + Debug + Send + Sync + 'static) -> String {
        format!("{source:?}")
    }

    #[cached_query(skip(log))]
    fn logged(&self, id: u32, mut log: impl FnMut(u32)) -> u32 {
        log(id);
        id
    }
}

#[test]
fn an_argument_of_an_opaque_type() {
    let repo = Repo::default();
    check!(
        &repo.cache;
        repo.read(1) => "read(source.id() = 1)", repo.read(2) => "read(source.id() = 2)";
        one: repo.forget_one_source(1);
        all: repo.cache.invalidate(["read"])
    );
    repo.cache.invalidate_all();
    assert_eq!((repo.hashed(1), repo.hashed("1"), repo.hashed(1)), ("1".into(), "\"1\"".into(), "1".into()));
    assert_eq!(crate::check::shown(&repo.cache), ["hashed(source = \"1\")", "hashed(source = 1)"]);
}

#[test]
fn a_skipped_argument_of_an_opaque_type() {
    let repo = Repo::default();
    let mut logged = Vec::new();
    for id in [1, 1, 2] {
        assert_eq!(repo.logged(id, |id| logged.push(id)), id);
    }
    assert_eq!(logged.len(), repo.cache.len());
    assert_eq!(crate::check::shown(&repo.cache), ["logged(id = 1)", "logged(id = 2)"]);
}
