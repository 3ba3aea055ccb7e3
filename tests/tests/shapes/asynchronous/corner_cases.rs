//! Corner cases: unusual expressions, names and attributes.

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

use super::mode::{block_on, pause, run};
use crate::check::shown;

macro_rules! repository {
    ($name:ident {
        $($query:ident($argument:ident: $t:ty) -> $r:ty $body:block by $invalidate:literal $invalidate_all:ident)*
    }) => {
        #[derive(HasCache, Default)]
        struct $name {
            cache: Cache,
        }

        impl $name {
            $(
                #[cached_query(ttl = "1m")]
                async fn $query(&self, $argument: $t) -> $r $body

                #[invalidates($invalidate)]
                async fn $invalidate_all(&self) {}
            )*
        }
    };
}

repository!(Made {
    twice(n: u64) -> u64 { pause().await; n * 2 } by "twice" invalidate_twice
    first(of: &[u8]) -> Option<u8> { let first = of.first()?; pause().await; Some(*first) } by "first" invalidate_first
});

#[test]
fn a_repository_made_by_a_macro() {
    block_on(async {
        let made = Made::default();
        check!(
            &made.cache;
            made.twice(1).await => "twice(n = 1)";
            one: made.invalidate_twice().await;
            all: made.invalidate_twice().await
        );
        check!(
            &made.cache;
            made.first(&[1]).await => "first(of = [1])";
            one: made.invalidate_first().await;
            all: made.invalidate_first().await
        );
        assert_eq!((made.twice(2).await, made.first(&[]).await, made.cache.len()), (4, None, 4));
    });
}

#[derive(HasCache, Default)]
struct Repo {
    tenant: u32,
    #[cache]
    cache: Cache,
}

impl Repo {
    #[cached_query(key(self.tenant + 1, a > b, -c, a as u64, !b))]
    #[expect(clippy::cast_lossless, reason = "the test needs a cast")]
    async fn operators(&self, a: u32, b: u32, c: i32) -> String {
        pause().await;
        format!("{a} {b} {c}")
    }
}

#[test]
fn operators_in_a_key() {
    block_on(async {
        let repo = Repo::default();
        repo.operators(2, 1, 3).await;
        let b = !1_u32;
        assert_eq!(
            shown(&repo.cache),
            [format!("operators(self.tenant + 1 = 1, a > b = true, -c = -3, a as u64 = 2, !b = {b})")]
        );
    });
}

#[deny(unused)]
mod imports {
    use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

    pub(super) trait Tracks {
        async fn track(&self) -> u32;
        async fn invalidate(&self);
    }

    #[derive(HasCache, Default)]
    pub(super) struct Repo(Cache);

    #[cached_impl]
    impl Tracks for Repo {
        #[cached_query]
        async fn track(&self) -> u32 {
            super::pause().await;
            1
        }

        #[invalidates("track")]
        async fn invalidate(&self) {}
    }
}

#[test]
fn imports_used_only_in_a_trait_implementation_count_as_used() {
    block_on(async {
        use imports::Tracks;

        let repo = imports::Repo::default();
        check!(repo.cache(); repo.track().await => "track()"; one: repo.invalidate().await; all: repo.invalidate().await);
    });
}

trait Lookup<T: ?Sized> {
    async fn find(&self, of: &T) -> String;
}

#[cached_impl]
impl Lookup<u8> for Repo {
    #[cached_query]
    async fn find(&self, of: &u8) -> String {
        pause().await;
        format!("{of}")
    }
}

#[cached_impl]
impl Lookup<[u8]> for Repo {
    #[cached_query]
    async fn find(&self, of: &[u8]) -> String {
        pause().await;
        format!("{of:?}")
    }
}

#[test]
fn implementations_for_types_with_similar_names() {
    block_on(async {
        let repo = Repo::default();
        assert_eq!((repo.find(&1).await, repo.find(&[1][..]).await), ("1".into(), "[1]".into()));
        assert_eq!(shown(&repo.cache), ["find(of = 1)", "find(of = [1])"]);
    });
}

trait Titles {
    async fn title(&self, id: u32) -> u32;
}

#[cached_impl]
impl Titles for Repo {
    #[cached_query]
    async fn title(&self, id: u32) -> u32 {
        pause().await;
        id
    }

    #[cfg(any())]
    #[cached_query]
    async fn left_out(&self) -> NoSuchType {}
}

#[test]
fn a_query_under_cfg_in_a_trait_implementation() {
    block_on(async {
        let repo = Repo::default();
        assert_eq!((repo.title(1).await, repo.title(1).await, repo.cache.len()), (1, 1, 1));
    });
}

trait Sums {
    async fn sum(&self, pair: (u32, u32), more: u32) -> u32;
    async fn invalidate(&self, pair: (u32, u32));
}

#[cached_impl]
impl Sums for Repo {
    #[cached_query]
    async fn sum(&self, (a, b): (u32, u32), mut more: u32) -> u32 {
        pause().await;
        more += a + b;
        more
    }

    #[invalidates(sum((a, b), 3))]
    async fn invalidate(&self, (a, b): (u32, u32)) {}
}

#[test]
fn patterns_in_an_implementation_of_a_trait() {
    block_on(async {
        let repo = Repo::default();
        assert_eq!((repo.sum((1, 2), 3).await, repo.sum((1, 2), 4).await), (6, 7));
        repo.invalidate((1, 2)).await;
        assert_eq!(shown(&repo.cache), ["sum(a = 1, b = 2, more = 4)"]);
    });
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
        pub(super) async fn get(&self, id: &str, _unused: u8) -> usize {
            super::pause().await;
            id.len()
        }

        #[cached_query]
        pub(super) async fn text(&self, text: &str) -> usize {
            super::pause().await;
            text.len()
        }

        #[invalidates(get(id, 1))]
        pub(super) async fn invalidate_one(&self, id: &str, _unused: u8) {}

        #[invalidates(|name| text(name))]
        pub(super) async fn by_result(&self, name: &str) -> String {
            name.into()
        }
    }
}

#[test]
fn an_attribute_causes_no_new_lints() {
    block_on(async {
        let repo = lints::Repo::default();
        assert_eq!((repo.get("a", 1).await, repo.get("bc", 1).await, repo.text("a").await), (1, 2, 1));
        repo.invalidate_one("a", 2).await;
        assert_eq!(repo.by_result("a").await, "a");
        assert_eq!(shown(&repo.cache), ["get(id = \"bc\", _unused = 1)"]);
    });
}
