//! Tags from arguments, from expressions and from results; and `cache_if`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use cache_core::{Cache, HasCache, Tag, cached_query, invalidates};
use cache_tests::watchdog;

use super::mode::{block_on, pause, run};
use crate::check::{invalidated, shown};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Track {
    id: u32,
    artists: Vec<String>,
}

fn track(id: u32) -> Track {
    Track { id, artists: vec![format!("artist {id}"), "various".into()] }
}

fn tags_of(track: &Track) -> Vec<Tag> {
    vec![Tag::from(format!("by function:{}", track.id))]
}

const CATALOGUE: &str = "catalogue";

#[derive(HasCache, Default)]
struct Repo {
    tenant: u32,
    evaluated: AtomicU32,
    #[cache]
    cache: Cache,
}

impl Repo {
    fn evaluate(&self, tag: &str) -> String {
        self.evaluated.fetch_add(1, Ordering::SeqCst);
        tag.to_owned()
    }

    #[cached_query(tags("plain", "{name}", "id:{id}", "aligned:{id:>4}", "debug:{name:?}", "{{braces}}"))]
    async fn formatted(&self, id: u32, name: &str) -> String {
        pause().await;
        format!("{id}{name}")
    }

    #[cached_query(tags(CATALOGUE, format!("tenant:{}", self.tenant), name, Tag::from("made"), String::from("owned")))]
    async fn expressions(&self, name: &str) -> String {
        pause().await;
        name.into()
    }

    #[cached_query(tags("consumed:{name}"))]
    async fn consumes(&self, name: String) -> String {
        pause().await;
        name
    }

    #[cached_query(tags(self.evaluate("first"), self.evaluate("second")))]
    async fn counted(&self, id: u32) -> u32 {
        pause().await;
        id + self.evaluated.load(Ordering::SeqCst)
    }

    #[cached_query(tags_from = |track| &track.artists)]
    async fn borrowed(&self, id: u32) -> Track {
        pause().await;
        track(id)
    }

    #[cached_query(tags_from = |track| track.artists.iter().map(|artist| format!("owned:{artist}")))]
    async fn owned(&self, id: u32) -> Result<Track, String> {
        pause().await;
        if id == 0 { Err("no".into()) } else { Ok(track(id)) }
    }

    #[cached_query(tags_from = |track: &Option<Track>| track.as_ref().map(|track| track.artists[0].as_str()))]
    async fn option(&self, id: u32) -> Option<Track> {
        pause().await;
        (id > 0).then(|| track(id))
    }

    #[cached_query(tags_from = tags_of)]
    async fn by_function(&self, id: u32) -> Track {
        pause().await;
        track(id)
    }

    #[cached_query(
        tags("track:{id}"),
        tags_from = |page| page.iter().map(|id| format!("track:{id}")).collect::<BTreeSet<_>>()
    )]
    async fn page(&self, id: u32) -> Arc<[u32]> {
        pause().await;
        Arc::new([id, id + 1, id + 1])
    }

    #[invalidates(tags("id:{id}", name, "debug:\"never\""))]
    async fn by_tags(&self, id: u32, name: &str) {}

    #[invalidates(tags("track:{id}"), "expressions", formatted(id, "a"))]
    async fn by_tag_and_more(&self, id: u32) {}

    #[invalidates(tags("consumed:{name}"))]
    async fn takes(&self, name: String) -> String {
        name + "!"
    }

    #[invalidates(tags("track:{id}"), on = "ok")]
    async fn on_ok(&self, id: u32) -> Result<u32, u32> {
        if id > 9 { Err(id) } else { Ok(id) }
    }

    #[invalidates(tags("track:{id}"))]
    async fn always(&self, id: u32, fail: bool) -> Result<u32, u32> {
        if fail { Err(id) } else { Ok(id) }
    }

    #[invalidates(tags(format!("tenant:{}", self.tenant)))]
    async fn moves_on(&mut self) {
        self.tenant += 1;
    }
}

#[test]
fn tags_are_formatted_from_arguments() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.formatted(1, "a").await => "formatted(id = 1, name = \"a\") \
                                       [a, aligned:   1, debug:\"a\", id:1, plain, {braces}]",
            repo.formatted(2, "b").await => "formatted(id = 2, name = \"b\") \
                                       [aligned:   2, b, debug:\"b\", id:2, plain, {braces}]";
            one: repo.by_tags(1, "none").await;
            all: repo.cache.invalidate_tags(["plain"])
        );
        assert_eq!(invalidated(&repo.cache, || run!(repo.by_tags(9, "a").await)).len(), 1);
        assert_eq!(
            invalidated(&repo.cache, || repo.cache.invalidate_tags(["aligned:   2", "{name}", "id:{id}"])).len(),
            1
        );
    });
}

#[test]
fn tags_are_expressions() {
    block_on(async {
        let repo = Repo { tenant: 7, ..Repo::default() };
        check!(
            &repo.cache;
            repo.expressions("a").await => "expressions(name = \"a\") [a, catalogue, made, owned, tenant:7]",
            repo.expressions("b").await => "expressions(name = \"b\") [b, catalogue, made, owned, tenant:7]";
            one: repo.by_tags(0, "a").await;
            all: repo.cache.invalidate_tags(["tenant:7"])
        );
        check!(
            &repo.cache;
            repo.consumes("a".into()).await => "consumes(name = \"a\") [consumed:a]",
            repo.consumes("b".into()).await => "consumes(name = \"b\") [consumed:b]";
            one: assert_eq!(repo.takes("a".into()).await, "a!");
            all: repo.cache.invalidate_tags(["consumed:a", "consumed:b"])
        );
    });
}

#[test]
fn a_tag_of_an_invalidation_is_evaluated_before_the_body() {
    block_on(async {
        let mut repo = Repo { tenant: 7, ..Repo::default() };
        let other = Repo { tenant: 8, cache: repo.cache.clone(), ..Repo::default() };
        repo.expressions("a").await;
        repo.moves_on().await;
        assert_eq!((repo.tenant, repo.cache.len()), (8, 0));
        other.consumes("a".into()).await;
        other.expressions("b").await;
        let cache = repo.cache.clone();
        assert_eq!(
            invalidated(&cache, || run!(repo.moves_on().await)),
            ["expressions(name = \"b\") [b, catalogue, made, owned, tenant:8]"]
        );
    });
}

#[test]
fn p12_tags_are_evaluated_only_on_a_miss() {
    block_on(async {
        let repo = Repo::default();
        assert_eq!((repo.counted(1).await, repo.counted(1).await, repo.evaluated.load(Ordering::SeqCst)), (3, 3, 2));
        assert_eq!((repo.counted(2).await, repo.counted(1).await, repo.evaluated.load(Ordering::SeqCst)), (6, 3, 4));
    });
}

#[test]
fn tags_come_from_the_result() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.borrowed(1).await => "borrowed(id = 1) [artist 1, various]",
            repo.borrowed(2).await => "borrowed(id = 2) [artist 2, various]";
            one: repo.by_tags(0, "artist 1").await;
            all: repo.cache.invalidate_tags(["various"])
        );
        check!(
            &repo.cache;
            repo.owned(1).await => "owned(id = 1) [owned:artist 1, owned:various]",
            repo.owned(2).await => "owned(id = 2) [owned:artist 2, owned:various]";
            one: repo.by_tags(0, "owned:artist 1").await;
            all: repo.cache.invalidate_tags(["owned:various"])
        );
        assert_eq!((repo.owned(0).await.unwrap_err().as_str(), repo.cache.len()), ("no", 4));
        check!(
            &repo.cache;
            repo.option(1).await => "option(id = 1) [artist 1]", repo.option(0).await => "option(id = 0)";
            one: repo.by_tags(0, "artist 1").await;
            all: repo.cache.invalidate(["option"])
        );
        check!(
            &repo.cache;
            repo.by_function(1).await => "by_function(id = 1) [by function:1]",
            repo.by_function(2).await => "by_function(id = 2) [by function:2]";
            one: repo.by_tags(0, "by function:1").await;
            all: repo.cache.invalidate_tags(["by function:1", "by function:2"])
        );
    });
}

#[test]
fn tags_come_from_arguments_and_the_result() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.page(1).await => "page(id = 1) [track:1, track:2]",
            repo.page(3).await => "page(id = 3) [track:3, track:4]";
            one: assert_eq!(repo.on_ok(2).await, Ok(2));
            all: { repo.on_ok(1).await.unwrap(); repo.on_ok(4).await.unwrap(); }
        );
        repo.expressions("a").await;
        repo.formatted(3, "a").await;
        repo.formatted(3, "b").await;
        assert_eq!(invalidated(&repo.cache, || run!(repo.by_tag_and_more(3).await)).len(), 3);
        assert_eq!(repo.cache.len(), 2);
    });
}

#[test]
fn p11_tags_are_invalidated_also_on_an_error() {
    block_on(async {
        let repo = Repo::default();
        repo.page(9).await;
        assert_eq!((repo.on_ok(10).await, repo.cache.len()), (Err(10), 1));
        assert_eq!((repo.always(10, true).await, repo.cache.len()), (Err(10), 0));
        repo.page(9).await;
        assert_eq!((repo.always(9, false).await, repo.cache.len()), (Ok(9), 0));
    });
}

#[test]
fn p2_a_tag_is_no_prefix_and_an_unknown_one_invalidates_nothing() {
    block_on(async {
        let repo = Repo::default();
        repo.page(1).await;
        repo.page(11).await;
        repo.by_tags(1, "track:").await;
        repo.cache.invalidate_tags(["track", "track:1 ", "TRACK:1", "", "*"]);
        assert_eq!(
            invalidated(&repo.cache, || run!(repo.on_ok(1).await.map(drop).unwrap())),
            ["page(id = 1) [track:1, track:2]"]
        );
        assert_eq!(shown(&repo.cache), ["page(id = 11) [track:11, track:12]"]);
    });
}

#[derive(HasCache, Default)]
struct Choosy {
    loads: AtomicU32,
    #[cache]
    cache: Cache,
}

impl Choosy {
    fn count(&self) -> u32 {
        self.loads.fetch_add(1, Ordering::SeqCst)
    }

    #[cached_query(cache_if = |numbers| !numbers.is_empty())]
    async fn many(&self, to: usize) -> Vec<usize> {
        pause().await;
        self.count();
        (0..to).collect()
    }

    #[cached_query(cache_if = Option::is_some)]
    async fn option(&self, text: &str) -> Option<char> {
        pause().await;
        self.count();
        text.chars().next()
    }

    #[cached_query(cache_if = |number: &u32| *number > 1, tags_from = |number| [format!("number:{number}")])]
    async fn result(&self, text: Cow<'_, str>) -> Result<u32, std::num::ParseIntError> {
        pause().await;
        self.count();
        text.parse()
    }

    #[cached_query(cache_if = |_| false)]
    async fn never(&self, until: &Released) -> u32 {
        pause().await;
        (until.0)();
        self.count()
    }
}

/// An argument that the body waits for, always the same key.
#[derive(Clone)]
struct Released(Arc<dyn Fn() + Send + Sync>);

impl PartialEq for Released {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Released {}

impl std::hash::Hash for Released {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

#[test]
fn values_refused_by_cache_if_are_loaded_again() {
    block_on(async {
        let choosy = Choosy::default();
        for (to, loads) in [(0, 1), (0, 2), (2, 3), (2, 3)] {
            assert_eq!((choosy.many(to).await.len(), choosy.loads.load(Ordering::SeqCst)), (to, loads));
        }
        for (text, loads) in [("", 4), ("", 5), ("a", 6), ("a", 6)] {
            assert_eq!((choosy.option(text).await, choosy.loads.load(Ordering::SeqCst)), (text.chars().next(), loads));
        }
        for (text, loads) in [("x", 7), ("x", 8), ("1", 9), ("1", 10), ("2", 11), ("2", 11)] {
            assert_eq!(
                (choosy.result(text.into()).await.ok(), choosy.loads.load(Ordering::SeqCst)),
                (text.parse().ok(), loads)
            );
        }
        assert_eq!(shown(&choosy.cache), ["many(to = 2)", "option(text = \"a\")", "result(text = \"2\") [number:2]"]);
        choosy.cache.check_invariants();
    });
}

#[test]
fn p4_waiters_share_values_refused_by_cache_if() {
    let choosy = Choosy::default();
    let cache = choosy.cache.clone();
    let _watch = watchdog::guard(Duration::from_secs(60), move || format!("{cache:?}\n{}", cache.stats()));
    let (begun, has_begun) = mpsc::channel();
    let released = Released(Arc::new({
        let (cache, begun) = (choosy.cache.clone(), Mutex::new(begun));
        move || {
            begun.lock().unwrap().send(()).unwrap();
            while !format!("{cache:?}").contains("callers_waiting: Some(2)") {
                thread::yield_now();
            }
        }
    }));
    thread::scope(|scope| {
        let first = scope.spawn(|| run!(choosy.never(&released).await));
        has_begun.recv().unwrap();
        let others = [(); 2].map(|()| scope.spawn(|| run!(choosy.never(&released).await)));
        assert_eq!(first.join().unwrap(), 0);
        assert_eq!(others.map(|other| other.join().unwrap()), [0, 0]);
    });
    assert_eq!((choosy.loads.load(Ordering::SeqCst), choosy.cache.len()), (1, 0));
    choosy.cache.check_invariants();
}
