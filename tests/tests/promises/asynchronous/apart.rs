//! P10: nothing is shared by accident.

use std::fmt::Debug;
use std::marker::PhantomData;

use cache_core::{Cache, HasCache, cached_query, invalidates};

use super::mode::block_on;

#[derive(HasCache)]
struct First {
    cache: Cache,
}

#[derive(HasCache)]
struct Second {
    cache: Cache,
}

impl First {
    #[cached_query]
    async fn name(&self, id: u32) -> String {
        format!("first {id}")
    }

    #[cached_query]
    async fn title(&self, id: u32) -> String {
        format!("title {id}")
    }
}

impl Second {
    #[cached_query]
    async fn name(&self, id: u32) -> String {
        format!("second {id}")
    }
}

#[test]
fn p10_equal_names_in_two_types_are_two_queries() {
    block_on(async {
        let cache = Cache::new();
        let (first, second) = (First { cache: cache.clone() }, Second { cache: cache.clone() });
        for _ in 0..2 {
            assert_eq!(
                (first.name(1).await, second.name(1).await, first.title(1).await),
                ("first 1".into(), "second 1".into(), "title 1".into())
            );
        }
        assert_eq!((cache.len(), cache.stats().loads), (3, 3));
    });
}

#[derive(HasCache)]
struct Generic<T> {
    #[cache]
    cache: Cache,
    of: PhantomData<T>,
}

impl<T: Default + Debug + 'static> Generic<T> {
    fn new(cache: &Cache) -> Self {
        Self { cache: cache.clone(), of: PhantomData }
    }

    /// The type occurs neither in the arguments nor in the value.
    #[cached_query]
    async fn default_text(&self) -> String {
        format!("{:?}", T::default())
    }

    #[cached_query]
    async fn is<U: Default + PartialEq + Debug + 'static>(&self, text: &str) -> bool {
        format!("{:?}", U::default()) == text
    }

    #[invalidates("default_text")]
    async fn change(&self) {}
}

#[test]
fn p10_instantiations_of_a_generic_type_are_apart() {
    block_on(async {
        let cache = Cache::new();
        let (number, text) = (Generic::<u8>::new(&cache), Generic::<String>::new(&cache));
        for _ in 0..2 {
            assert_eq!((number.default_text().await, text.default_text().await), ("0".into(), "\"\"".into()));
        }
        assert_eq!(cache.stats().loads, 2);

        number.change().await;
        assert_eq!(cache.entries().len(), 1, "the other type's entry stays");
        text.default_text().await;
        assert_eq!(cache.stats().loads, 2);
    });
}

#[test]
fn p10_instantiations_of_a_generic_function_are_apart() {
    block_on(async {
        let generic = Generic::<u8>::new(&Cache::new());
        for _ in 0..2 {
            assert!(generic.is::<u32>("0").await);
            assert!(!generic.is::<String>("0").await);
            assert!(generic.is::<Option<u8>>("None").await);
        }
        assert_eq!(generic.cache.stats().loads, 3);
    });
}

struct Borrowing<'a> {
    cache: &'a Cache,
    salt: &'a u32,
}

impl HasCache for Borrowing<'_> {
    fn cache(&self) -> &Cache {
        self.cache
    }
}

impl Borrowing<'_> {
    #[cached_query]
    async fn salted(&self, n: u32) -> u32 {
        n + self.salt
    }
}

#[test]
fn p10_instances_share_entries_only_with_clones_of_one_handle() {
    block_on(async {
        let (cache, other) = (Cache::new(), Cache::new());
        let clone = cache.clone();
        let salted = async |cache, salt| Borrowing { cache, salt }.salted(1).await;
        assert_eq!(salted(&cache, &10).await, 11);
        assert_eq!(salted(&clone, &20).await, 11, "`self` is not part of the key");
        assert_eq!(salted(&other, &20).await, 21);
    });
}

#[derive(HasCache, Default)]
struct Arguments {
    cache: Cache,
}

impl Arguments {
    #[cached_query]
    async fn pair(&self, a: &str, b: &str) -> String {
        format!("{a}+{b}")
    }

    #[cached_query]
    async fn none(&self) -> u32 {
        0
    }

    #[cached_query]
    async fn mixed(&self, owned: String, slice: &[u8], mut n: u32, nested: (u8, Option<char>)) -> String {
        n += 1;
        format!("{owned}{slice:?}{n}{nested:?}")
    }

    #[cached_query]
    #[expect(clippy::too_many_arguments, clippy::many_single_char_names, reason = "the test needs this many arguments")]
    async fn many(
        &self,
        a: u8,
        b: u8,
        c: u8,
        d: u8,
        e: u8,
        f: u8,
        g: u8,
        h: u8,
        i: u8,
        j: u8,
        k: u8,
        l: u8,
        m: u8,
    ) -> [u8; 13] {
        [a, b, c, d, e, f, g, h, i, j, k, l, m]
    }

    #[cached_query]
    async fn raw(&self, r#type: u32) -> u32 {
        r#type
    }
}

#[test]
fn p10_different_arguments_are_different_entries() {
    block_on(async {
        let arguments = Arguments::default();
        assert_eq!(arguments.pair("a", "bc").await, "a+bc");
        assert_eq!(arguments.pair("ab", "c").await, "ab+c");
        assert_eq!(arguments.pair(&String::from("a"), "bc").await, "a+bc");
        assert_eq!((arguments.none().await, arguments.none().await), (0, 0));
        assert_eq!((arguments.cache.stats().loads, arguments.cache.stats().hits), (3, 2));

        let mixed = async |text: &str, n| arguments.mixed(text.to_owned(), &[1, 2], n, (3, Some('x'))).await;
        assert_eq!(
            (mixed("a", 1).await, mixed("a", 1).await, mixed("a", 2).await),
            ("a[1, 2]2(3, Some('x'))".into(), mixed("a", 1).await, mixed("a", 2).await)
        );
        assert_eq!(arguments.many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13).await[12], 13);
        assert_eq!(arguments.many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14).await[12], 14);
        assert_eq!(arguments.raw(5).await, 5);

        let mut shown: Vec<_> = arguments
            .cache
            .entries()
            .into_iter()
            .map(|entry| format!("{}({})", entry.query, entry.arguments))
            .collect();
        shown.sort_unstable();
        assert_eq!(
            shown[0],
            "many(a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9, j = 10, k = 11, l = 12, m = 13)"
        );
        assert_eq!(shown[2], "mixed(owned = \"a\", slice = [1, 2], n = 1, nested = (3, Some('x')))");
        assert_eq!(
            shown[4..],
            ["none()", "pair(a = \"a\", b = \"bc\")", "pair(a = \"ab\", b = \"c\")", "raw(type = 5)"]
        );
    });
}

#[test]
fn p10_scopes_are_apart() {
    block_on(async {
        let cache = Cache::new();
        let in_scope = |name| First { cache: cache.scope(name) };
        let (one, two, root) = (in_scope("1"), in_scope("2"), First { cache: cache.clone() });
        let read_all = async || {
            for repo in [&one, &two, &root] {
                repo.name(7).await;
            }
        };
        read_all().await;
        read_all().await;
        assert_eq!((cache.stats().loads, cache.len(), one.cache.len()), (3, 3, 1));
        assert_eq!(cache.entries().iter().filter_map(|entry| entry.scope.as_deref()).collect::<Vec<_>>().len(), 2);

        one.cache.invalidate_all();
        assert_eq!((one.cache.len(), two.cache.len(), cache.len()), (0, 1, 2));
        read_all().await;
        two.cache.invalidate(["name"]);
        assert_eq!((one.cache.len(), two.cache.len(), cache.len()), (1, 0, 2));
        read_all().await;
        cache.invalidate(["name"]);
        assert_eq!(cache.len(), 0, "through the root it reaches every scope");
        read_all().await;
        cache.invalidate_all();
        assert_eq!(cache.len(), 0);
        read_all().await;
        cache.check_invariants();
    });
}

#[test]
fn p10_a_scope_is_found_again_by_its_name_for_as_long_as_it_has_entries() {
    block_on(async {
        let cache = Cache::new();
        First { cache: cache.scope("tenant") }.name(1).await;
        First { cache: cache.scope("tenant") }.name(1).await;
        First { cache: cache.scope("other").scope("tenant") }.name(1).await;
        assert_eq!((cache.stats().loads, cache.stats().hits), (1, 2), "scopes are not nested");
    });
}
