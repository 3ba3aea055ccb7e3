//! What is easily got wrong: expressions, names and attributes in unusual company.

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

use crate::check::shown;

macro_rules! repository {
    ($name:ident {
        $($query:ident($argument:ident: $t:ty) -> $r:ty $body:block by $forget:literal $forget_all:ident)*
    }) => {
        #[derive(HasCache, Default)]
        struct $name {
            cache: Cache,
        }

        impl $name {
            $(
                #[cached_query(ttl = "1m")]
                fn $query(&self, $argument: $t) -> $r $body

                #[invalidates($forget)]
                fn $forget_all(&self) {}
            )*
        }
    };
}

repository!(Made {
    twice(n: u64) -> u64 { n * 2 } by "twice" forget_twice
    first(of: &[u8]) -> Option<u8> { let first = of.first()?; Some(*first) } by "first" forget_first
});

#[test]
fn a_repository_made_by_a_macro() {
    let made = Made::default();
    check!(
        &made.cache;
        made.twice(1) => "twice(n = 1)";
        one: made.forget_twice();
        all: made.forget_twice()
    );
    check!(
        &made.cache;
        made.first(&[1]) => "first(of = [1])";
        one: made.forget_first();
        all: made.forget_first()
    );
    assert_eq!((made.twice(2), made.first(&[]), made.cache.len()), (4, None, 4));
}

#[derive(HasCache, Default)]
struct Repo {
    tenant: u32,
    #[cache]
    cache: Cache,
}

impl Repo {
    #[cached_query(key(self.tenant + 1, a > b, -c, a as u64, !b))]
    #[expect(clippy::cast_lossless, reason = "a cast is the point")]
    fn operators(&self, a: u32, b: u32, c: i32) -> String {
        format!("{a} {b} {c}")
    }
}

#[test]
fn operators_in_a_key() {
    let repo = Repo::default();
    repo.operators(2, 1, 3);
    let b = !1_u32;
    assert_eq!(
        shown(&repo.cache),
        [format!("operators(self.tenant + 1 = 1, a > b = true, -c = -3, a as u64 = 2, !b = {b})")]
    );
}

#[deny(unused)]
mod imports {
    use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

    pub(super) trait Tracks {
        fn track(&self) -> u32;
        fn forget(&self);
    }

    #[derive(HasCache, Default)]
    pub(super) struct Repo(Cache);

    #[cached_impl]
    impl Tracks for Repo {
        #[cached_query]
        fn track(&self) -> u32 {
            1
        }

        #[invalidates("track")]
        fn forget(&self) {}
    }
}

#[test]
fn attributes_that_are_only_used_in_an_implementation_of_a_trait_count_as_used() {
    use imports::Tracks;

    let repo = imports::Repo::default();
    check!(repo.cache(); repo.track() => "track()"; one: repo.forget(); all: repo.forget());
}

trait Lookup<T: ?Sized> {
    fn find(&self, of: &T) -> String;
}

#[cached_impl]
impl Lookup<u8> for Repo {
    #[cached_query]
    fn find(&self, of: &u8) -> String {
        format!("{of}")
    }
}

#[cached_impl]
impl Lookup<[u8]> for Repo {
    #[cached_query]
    fn find(&self, of: &[u8]) -> String {
        format!("{of:?}")
    }
}

#[test]
fn implementations_for_types_that_are_written_with_the_same_words() {
    let repo = Repo::default();
    assert_eq!((repo.find(&1), repo.find(&[1][..])), ("1".into(), "[1]".into()));
    assert_eq!(shown(&repo.cache), ["find(of = 1)", "find(of = [1])"]);
}

trait Titles {
    fn title(&self, id: u32) -> u32;
}

#[cached_impl]
impl Titles for Repo {
    #[cached_query]
    fn title(&self, id: u32) -> u32 {
        id
    }

    #[cfg(any())]
    #[cached_query]
    fn left_out(&self) -> NoSuchType {}
}

#[test]
fn a_query_that_is_left_out_of_an_implementation_of_a_trait() {
    let repo = Repo::default();
    assert_eq!((repo.title(1), repo.title(1), repo.cache.len()), (1, 1, 1));
}

trait Sums {
    fn sum(&self, pair: (u32, u32), more: u32) -> u32;
    fn forget(&self, pair: (u32, u32));
}

#[cached_impl]
impl Sums for Repo {
    #[cached_query]
    fn sum(&self, (a, b): (u32, u32), mut more: u32) -> u32 {
        more += a + b;
        more
    }

    #[invalidates(sum((a, b), 3))]
    fn forget(&self, (a, b): (u32, u32)) {}
}

#[test]
fn patterns_in_an_implementation_of_a_trait() {
    let repo = Repo::default();
    assert_eq!((repo.sum((1, 2), 3), repo.sum((1, 2), 4)), (6, 7));
    repo.forget((1, 2));
    assert_eq!(shown(&repo.cache), ["sum(a = 1, b = 2, more = 4)"]);
}

mod lints {
    #![deny(clippy::all, clippy::pedantic)]

    use cache_core::{Cache, HasCache, cached_query, invalidates};

    #[derive(HasCache, Default)]
    pub(super) struct Repo {
        pub(super) cache: Cache,
    }

    impl Repo {
        #[cached_query]
        pub(super) fn get(&self, id: &str, _unused: u8) -> usize {
            id.len()
        }

        #[cached_query]
        pub(super) fn text(&self, text: &str) -> usize {
            text.len()
        }

        #[invalidates(get(id, 1))]
        pub(super) fn forget_one(&self, id: &str, _unused: u8) {}

        #[invalidates(|name| text(name))]
        pub(super) fn by_result(&self, name: &str) -> String {
            name.into()
        }
    }
}

#[test]
fn what_no_lint_is_about_by_hand_it_is_not_about_under_an_attribute() {
    let repo = lints::Repo::default();
    assert_eq!((repo.get("a", 1), repo.get("bc", 1), repo.text("a")), (1, 2, 1));
    repo.forget_one("a", 2);
    assert_eq!(repo.by_result("a"), "a");
    assert_eq!(shown(&repo.cache), ["get(id = \"bc\", _unused = 1)"]);
}
