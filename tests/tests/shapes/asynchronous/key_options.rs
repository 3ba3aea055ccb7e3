//! Keys from `key(..)` and `skip(..)`.

use std::sync::atomic::{AtomicU32, Ordering};

use cache_core::{Cache, HasCache, cached_query, invalidates};

use super::mode::{block_on, pause, run};
use crate::check::shown;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Track {
    id: u32,
    title: String,
    /// Not usable as a key.
    seconds: Seconds,
}

#[derive(Clone, Debug)]
struct Seconds(f64);

impl PartialEq for Seconds {
    fn eq(&self, _: &Self) -> bool {
        panic!("this is not part of a key")
    }
}

impl Eq for Seconds {}

impl std::hash::Hash for Seconds {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {
        panic!("this is not part of a key")
    }
}

impl Track {
    fn new(id: u32, title: &str) -> Self {
        Self { id, title: title.into(), seconds: Seconds(f64::from(id)) }
    }
}

/// No key: it implements no trait.
struct Connection {
    queries: u32,
}

#[derive(HasCache, Default)]
struct Repo {
    tenant: u32,
    name: String,
    loads: AtomicU32,
    #[cache]
    cache: Cache,
}

impl Repo {
    fn of_tenant(tenant: u32, cache: &Cache) -> Self {
        Self { tenant, name: format!("tenant {tenant}"), cache: cache.clone(), ..Self::default() }
    }

    fn next(&self) -> u32 {
        self.loads.fetch_add(1, Ordering::SeqCst)
    }

    #[cached_query(key(track.id))]
    async fn field(&self, track: &Track) -> u32 {
        pause().await;
        track.id
    }

    #[invalidates(field(track))]
    async fn invalidate_field(&self, track: &Track) {}

    #[cached_query(key(track.id, track.title))]
    async fn fields_of_a_value(&self, track: Track) -> String {
        pause().await;
        track.title
    }

    #[invalidates(fields_of_a_value(track.clone()))]
    async fn invalidate_fields(&self, track: Track) -> f64 {
        track.seconds.0
    }

    #[cached_query(key(self.tenant, id))]
    async fn of_self(&self, id: u32) -> String {
        pause().await;
        format!("{} {id}", self.tenant)
    }

    #[invalidates(of_self(id))]
    async fn invalidate_of_self(&self, id: u32) {}

    #[invalidates("of_self")]
    async fn invalidate_all_of_self(&self) {}

    #[cached_query(key(&self.name, self.tenant.wrapping_add(1)))]
    async fn by_reference_to_self(&self, _unused: f64) -> String {
        pause().await;
        self.name.clone()
    }

    #[invalidates(by_reference_to_self(0.5))]
    async fn invalidate_by_reference_to_self(&self) {}

    #[cached_query(key(name.as_deref()))]
    async fn as_deref(&self, name: Option<String>) -> String {
        pause().await;
        name.unwrap_or_else(|| "nobody".into())
    }

    #[invalidates(as_deref(name.clone()))]
    async fn invalidate_as_deref(&self, name: Option<String>) -> Option<String> {
        name
    }

    #[cached_query(key(name.to_lowercase()))]
    async fn made(&self, name: &str) -> String {
        pause().await;
        name.to_lowercase()
    }

    #[invalidates(made(name))]
    async fn invalidate_made(&self, name: &str) {}

    #[cached_query(key((a, b), [b; 2], a.max(b), "constant", name.len()))]
    async fn of_all_sorts(&self, a: u32, b: u32, name: &str) -> String {
        pause().await;
        format!("{a} {b} {}", name.len())
    }

    #[invalidates(of_all_sorts(a, b, "xxx"))]
    async fn invalidate_of_all_sorts(&self, a: u32, b: u32) {}

    #[cached_query(key(id))]
    async fn with_a_connection(&self, connection: &mut Connection, id: u32) -> u32 {
        pause().await;
        connection.queries += 1;
        id
    }

    #[invalidates(with_a_connection(&mut *connection, id))]
    async fn invalidate_with_a_connection(&self, connection: &mut Connection, id: u32) {
        connection.queries += 1;
    }

    #[cached_query(skip(connection, scale))]
    async fn skips(&self, connection: &mut Connection, id: u32, scale: f64, name: &str) -> String {
        pause().await;
        connection.queries += 1;
        format!("{id} {scale} {name}")
    }

    #[invalidates(skips(&mut Connection { queries: 0 }, id, 0.0, name))]
    async fn invalidate_skipped(&self, id: u32, name: &str) {}

    #[cached_query(skip(_b, all))]
    async fn skips_of_a_pattern(&self, (a, _b): (u32, f32), all: bool) -> u32 {
        pause().await;
        assert!(all || a > 0);
        a
    }

    #[invalidates(skips_of_a_pattern((a, 0.1), false))]
    async fn invalidate_skipped_of_a_pattern(&self, a: u32) {}

    #[cached_query(skip(id))]
    async fn skips_all(&self, id: u32) -> u32 {
        pause().await;
        id + self.next()
    }

    #[cached_query(skip(r#type))]
    async fn skips_a_raw_name(&self, r#type: u32, id: u32) -> u32 {
        pause().await;
        r#type * id
    }

    #[cached_query(key(id), tags(format!("tenant:{}", self.tenant)), ttl = "1m")]
    async fn all_options(&self, id: u32, scale: f32) -> String {
        pause().await;
        format!("{id} {scale}")
    }
}

#[test]
fn a_field_of_an_argument() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.field(&Track::new(1, "a")).await => "field(track.id = 1)",
            repo.field(&Track::new(2, "a")).await => "field(track.id = 2)";
            one: repo.invalidate_field(&Track::new(1, "another title")).await;
            all: repo.cache.invalidate(["field"])
        );
        assert_eq!(
            (repo.field(&Track::new(2, "b")).await, repo.cache.stats().loads),
            (2, 5),
            "the title is not part of the key"
        );
    });
}

#[test]
fn fields_of_an_argument_that_the_body_destructures() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.fields_of_a_value(Track::new(1, "a")).await => "fields_of_a_value(track.id = 1, track.title = \"a\")",
            repo.fields_of_a_value(Track::new(1, "b")).await => "fields_of_a_value(track.id = 1, track.title = \"b\")";
            one: assert!(repo.invalidate_fields(Track::new(1, "a")).await > 0.5);
            all: repo.cache.invalidate(["fields_of_a_value"])
        );
    });
}

#[test]
fn p10_a_field_of_self_separates_tenants() {
    block_on(async {
        let cache = Cache::new();
        let (one, two) = (Repo::of_tenant(1, &cache), Repo::of_tenant(2, &cache));
        check!(
            &cache;
            one.of_self(7).await => "of_self(self.tenant = 1, id = 7)",
            one.of_self(8).await => "of_self(self.tenant = 1, id = 8)",
            two.of_self(7).await => "of_self(self.tenant = 2, id = 7)";
            one: one.invalidate_of_self(7).await;
            all: two.invalidate_all_of_self().await
        );
        check!(
            &cache;
            one.by_reference_to_self(0.1).await
                => "by_reference_to_self(&self.name = \"tenant 1\", self.tenant.wrapping_add(1) = 2)",
            two.by_reference_to_self(0.2).await
                => "by_reference_to_self(&self.name = \"tenant 2\", self.tenant.wrapping_add(1) = 3)";
            one: one.invalidate_by_reference_to_self().await;
            all: cache.invalidate(["by_reference_to_self"])
        );
    });
}

#[test]
fn an_option_as_deref() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.as_deref(Some("a".into())).await => "as_deref(name.as_deref() = Some(\"a\"))",
            repo.as_deref(None).await => "as_deref(name.as_deref() = None)";
            one: assert!(repo.invalidate_as_deref(Some("a".into())).await.is_some());
            all: repo.cache.invalidate(["as_deref"])
        );
    });
}

#[test]
fn a_key_that_is_made_for_the_call() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.made("ABC").await => "made(name.to_lowercase() = \"abc\")",
            repo.made("abd").await => "made(name.to_lowercase() = \"abd\")";
            one: repo.invalidate_made("aBc").await;
            all: repo.cache.invalidate(["made"])
        );
        assert_eq!((repo.made("abc").await, repo.cache.stats().loads), ("abc".into(), 5));
    });
}

#[test]
fn expressions_of_all_sorts() {
    block_on(async {
        let repo = Repo::default();
        repo.of_all_sorts(1, 2, "abc").await;
        repo.of_all_sorts(1, 2, "abd").await;
        repo.of_all_sorts(2, 2, "abc").await;
        let shown = shown(&repo.cache);
        assert_eq!(shown.len(), 2, "names of equal length have one key");
        for (number, shown) in (1..).zip(&shown) {
            assert!(shown.starts_with(&format!("of_all_sorts((a, b) = ({number}, 2), [b; 2] = [2, 2], ")), "{shown}");
            assert!(shown.ends_with("\"constant\" = \"constant\", name.len() = 3)"), "{shown}");
        }
        repo.invalidate_of_all_sorts(1, 2).await;
        assert_eq!((repo.of_all_sorts(2, 2, "xyz").await.as_str(), repo.cache.len()), ("2 2 3", 1));
    });
}

#[test]
fn a_mutably_borrowed_argument_beside_a_key() {
    block_on(async {
        let (repo, mut connection) = (Repo::default(), Connection { queries: 0 });
        for id in [1, 1, 2] {
            assert_eq!(repo.with_a_connection(&mut connection, id).await, id);
        }
        assert_eq!(connection.queries, 2);
        assert_eq!(shown(&repo.cache), ["with_a_connection(id = 1)", "with_a_connection(id = 2)"]);
        repo.invalidate_with_a_connection(&mut connection, 1).await;
        assert_eq!(connection.queries, 3);
        assert_eq!(shown(&repo.cache), ["with_a_connection(id = 2)"]);
    });
}

#[test]
fn arguments_that_are_skipped() {
    block_on(async {
        let (repo, mut connection) = (Repo::default(), Connection { queries: 0 });
        for (id, scale, name) in [(1, 0.5, "a"), (1, 0.6, "a"), (2, 0.5, "a"), (1, 0.5, "b")] {
            repo.skips(&mut connection, id, scale, name).await;
        }
        assert_eq!(connection.queries, 3);
        assert_eq!(
            shown(&repo.cache),
            ["skips(id = 1, name = \"a\")", "skips(id = 1, name = \"b\")", "skips(id = 2, name = \"a\")"]
        );
        repo.invalidate_skipped(1, "a").await;
        assert_eq!(shown(&repo.cache), ["skips(id = 1, name = \"b\")", "skips(id = 2, name = \"a\")"]);
    });
}

#[test]
fn names_of_a_pattern_that_are_skipped() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.skips_of_a_pattern((1, 0.5), true).await => "skips_of_a_pattern(a = 1)",
            repo.skips_of_a_pattern((2, 0.5), false).await => "skips_of_a_pattern(a = 2)";
            one: repo.invalidate_skipped_of_a_pattern(1).await;
            all: repo.cache.invalidate(["skips_of_a_pattern"])
        );
        assert_eq!((repo.skips_of_a_pattern((2, 0.7), true).await, repo.cache.stats().loads), (2, 5));
    });
}

#[test]
fn all_arguments_may_be_skipped() {
    block_on(async {
        let repo = Repo::default();
        assert_eq!((repo.skips_all(1).await, repo.skips_all(2).await), (1, 1));
        assert_eq!(
            (repo.skips_a_raw_name(2, 1).await, repo.skips_a_raw_name(3, 1).await, repo.skips_a_raw_name(3, 2).await),
            (2, 2, 6)
        );
        assert_eq!(shown(&repo.cache), ["skips_a_raw_name(id = 1)", "skips_a_raw_name(id = 2)", "skips_all()"]);
    });
}

#[test]
fn a_key_beside_other_options() {
    block_on(async {
        let repo = Repo::of_tenant(3, &Cache::new());
        assert_eq!((repo.all_options(1, 0.5).await, repo.all_options(1, 0.6).await), ("1 0.5".into(), "1 0.5".into()));
        assert_eq!(shown(&repo.cache), ["all_options(id = 1) [tenant:3]"]);
    });
}
