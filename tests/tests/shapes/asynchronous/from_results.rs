//! Targets whose arguments come from the returned value.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

use super::mode::{block_on, pause, run};
use crate::check::invalidated;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Track {
    id: u32,
    title: String,
}

type Fallible<T> = Result<T, String>;

#[derive(HasCache, Default)]
struct Repo {
    cache: Cache,
}

#[derive(HasCache)]
struct OtherRepo {
    cache: Cache,
}

impl OtherRepo {
    #[cached_query(tags("other"))]
    async fn get(&self, id: u32) -> u32 {
        pause().await;
        id
    }
}

fn track(id: u32) -> Track {
    Track { id, title: "a".into() }
}

impl Repo {
    #[cached_query]
    async fn get(&self, id: u32) -> u32 {
        pause().await;
        id
    }

    #[cached_query]
    async fn search(&self, title: &str) -> String {
        pause().await;
        title.into()
    }

    #[cached_query]
    async fn spared(&self) -> u32 {
        pause().await;
        0
    }

    #[invalidates(|track| get(track.id))]
    async fn plain(&self, id: u32) -> Track {
        track(id)
    }

    #[invalidates(|track| get(track.id))]
    async fn result(&self, id: u32, ok: bool) -> Result<Track, String> {
        if !ok {
            return Err("no".into());
        }
        let track = Some(track(id)).ok_or("never")?;
        Ok(track)
    }

    #[invalidates(|track| get(track.id))]
    async fn aliased(&self, id: u32, ok: bool) -> Fallible<Track> {
        self.result(id, ok).await
    }

    #[invalidates(|track| get(track.id), on = "ok")]
    async fn on_ok(&self, id: u32, ok: bool) -> Fallible<Track> {
        ok.then(|| track(id)).ok_or("no".into())
    }

    #[invalidates(|track| get(track.as_ref().map_or(1, |track| track.id)))]
    async fn option(&self, id: Option<u32>) -> Option<Track> {
        id.map(track)
    }

    #[invalidates(|id| get(*id))]
    async fn number(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(|(one, _): &(u32, Track)| get(*one), |(_, track)| search(&track.title))]
    async fn pattern(&self, id: u32) -> (u32, Track) {
        (id, track(9))
    }

    #[invalidates(|track: &Track| search(&track.title), get(id), "spared")]
    async fn mixed(&self, id: u32) -> Fallible<Track> {
        Ok(Track { id: 9, title: "b".into() })
    }

    #[invalidates(|track| Self::get(track.id), |track| OtherRepo::get(track.id))]
    async fn by_paths(&self, id: u32) -> Track {
        track(id)
    }

    #[invalidates(|track| get(track.id))]
    async fn panics(&self, id: u32) -> Track {
        assert!(id > 9, "in the body");
        track(id)
    }

    #[invalidates(|track| get(track.id), on = "ok")]
    async fn panics_on_ok(&self, id: u32) -> Track {
        assert!(id > 9, "in the body");
        track(id)
    }

    #[invalidates(|track| get(track.id))]
    async fn returns_a_reference<'a>(&self, tracks: &'a [Track]) -> &'a Track {
        &tracks[0]
    }

    /// A parameter of the closure and an argument of the function, with one name, in one target.
    #[invalidates(|id| get(*id + offset))]
    async fn with_an_argument(&self, offset: u32) -> u32 {
        1
    }

    /// The entries that a write removes, of a repository with two entries of each query.
    fn invalidated(write: impl FnOnce(&Self)) -> Vec<String> {
        let repo = Self::default();
        block_on(repo.fill());
        invalidated(&repo.cache, || write(&repo))
    }

    async fn fill(&self) {
        for id in 1..=2 {
            self.get(id).await;
            OtherRepo { cache: self.cache.clone() }.get(id).await;
        }
        for title in ["a", "b"] {
            self.search(title).await;
        }
        self.spared().await;
    }
}

type Write = fn(&Repo, u32, bool) -> Fallible<Track>;

const ALL_OF_GET: [&str; 2] = ["get(id = 1)", "get(id = 2)"];

#[test]
fn a_plain_value() {
    block_on(async {
        assert_eq!(Repo::invalidated(|repo| run!(assert_eq!(repo.plain(1).await.id, 1))), ["get(id = 1)"]);
        assert_eq!(Repo::invalidated(|repo| run!(assert_eq!(repo.number(2).await, 2))), ["get(id = 2)"]);
        assert_eq!(Repo::invalidated(|repo| run!(assert_eq!(repo.plain(3).await.id, 3))), [""; 0], "no such entry");
    });
}

#[test]
fn the_value_of_an_ok() {
    block_on(async {
        let writes: [Write; 3] = [
            |repo, id, ok| run!(repo.result(id, ok).await),
            |repo, id, ok| run!(repo.aliased(id, ok).await),
            |repo, id, ok| run!(repo.on_ok(id, ok).await),
        ];
        for write in writes {
            assert_eq!(Repo::invalidated(|repo| assert_eq!(write(repo, 1, true).unwrap().id, 1)), ["get(id = 1)"]);
        }
    });
}

#[test]
fn p11_without_a_value_the_whole_query_is_invalidated() {
    block_on(async {
        let writes: [Write; 2] =
            [|repo, id, ok| run!(repo.result(id, ok).await), |repo, id, ok| run!(repo.aliased(id, ok).await)];
        for write in writes {
            assert_eq!(Repo::invalidated(|repo| assert_eq!(write(repo, 1, false).unwrap_err(), "no")), ALL_OF_GET);
        }
        let gone = Repo::invalidated(|repo| {
            catch_unwind(AssertUnwindSafe(|| run!(repo.panics(1).await))).unwrap_err();
        });
        assert_eq!(gone, ALL_OF_GET);
    });
}

#[test]
fn p11_on_ok_nothing_is_invalidated_without_a_value() {
    block_on(async {
        assert_eq!(Repo::invalidated(|repo| run!(assert_eq!(repo.on_ok(1, false).await.unwrap_err(), "no"))), [""; 0]);
        let gone = Repo::invalidated(|repo| {
            catch_unwind(AssertUnwindSafe(|| run!(repo.panics_on_ok(1).await))).unwrap_err();
        });
        assert_eq!(gone, [""; 0]);
    });
}

#[test]
fn an_option_is_a_value() {
    block_on(async {
        assert_eq!(Repo::invalidated(|repo| run!(assert!(repo.option(Some(2)).await.is_some()))), ["get(id = 2)"]);
        assert_eq!(Repo::invalidated(|repo| run!(assert!(repo.option(None).await.is_none()))), ["get(id = 1)"]);
    });
}

#[test]
fn patterns_and_several_targets() {
    block_on(async {
        let gone = Repo::invalidated(|repo| run!(assert_eq!(repo.pattern(2).await.0, 2)));
        assert_eq!(gone, ["get(id = 2)", "search(title = \"a\")"]);
        let gone = Repo::invalidated(|repo| run!(assert!(repo.mixed(1).await.is_ok())));
        assert_eq!(gone, ["get(id = 1)", "search(title = \"b\")", "spared()"]);
        let gone = Repo::invalidated(|repo| run!(assert_eq!(repo.by_paths(1).await.id, 1)));
        assert_eq!(gone, ["get(id = 1)", "get(id = 1) [other]"]);
    });
}

#[test]
fn a_value_that_is_borrowed() {
    block_on(async {
        let tracks = [track(2), track(1)];
        let gone = Repo::invalidated(|repo| run!(assert_eq!(repo.returns_a_reference(&tracks).await.id, 2)));
        assert_eq!(gone, ["get(id = 2)"]);
    });
}

#[test]
fn an_argument_of_the_function_beside_the_value() {
    block_on(async {
        assert_eq!(Repo::invalidated(|repo| run!(assert_eq!(repo.with_an_argument(1).await, 1))), ["get(id = 2)"]);
    });
}

mod free {
    use cache_core::{Cache, cached_query, invalidates};

    #[cached_query(skip(cache), cache = cache)]
    pub(super) async fn read(id: u32, cache: &Cache) -> u32 {
        super::pause().await;
        id + u32::try_from(cache.stats().capacity).unwrap()
    }

    #[invalidates(|id| read(*id, cache), cache = cache)]
    pub(super) async fn write(id: u32, cache: &Cache) -> Result<u32, std::fmt::Error> {
        if id == 0 { Err(std::fmt::Error) } else { Ok(id) }
    }
}

#[test]
fn a_free_function_invalidates_by_its_result() {
    block_on(async {
        let cache = Cache::new();
        let fill = || [1, 2].map(|id| run!(free::read(id, &cache).await));
        fill();
        assert_eq!(invalidated(&cache, || run!(assert_eq!(free::write(1, &cache).await, Ok(1)))), ["read(id = 1)"]);
        fill();
        assert_eq!(
            invalidated(&cache, || run!(assert!(free::write(0, &cache).await.is_err()))),
            ["read(id = 1)", "read(id = 2)"]
        );
    });
}

trait Tracks {
    type Id;

    async fn load(&self, id: &Self::Id) -> String;
    async fn add(&self, name: &str) -> Fallible<Self::Id>;
}

#[cached_impl]
impl Tracks for Repo {
    type Id = String;

    #[cached_query]
    async fn load(&self, id: &Self::Id) -> String {
        pause().await;
        id.clone()
    }

    #[invalidates(|id| load(id))]
    #[allow(clippy::redundant_closure, reason = "the test needs a closure")]
    async fn add(&self, name: &str) -> Fallible<Self::Id> {
        if name.is_empty() { Err("no name".into()) } else { Ok(name.into()) }
    }
}

#[test]
fn in_an_implementation_of_a_trait() {
    block_on(async {
        let fill = |repo: &Repo| ["a", "b"].map(|id| run!(repo.load(&id.into()).await));
        let repo = Repo::default();
        fill(&repo);
        assert_eq!(
            invalidated(&repo.cache, || run!(assert_eq!(repo.add("a").await.unwrap(), "a"))),
            ["load(id = \"a\")"]
        );
        fill(&repo);
        let gone = invalidated(&repo.cache, || run!(assert!(repo.add("").await.is_err())));
        assert_eq!(gone, ["load(id = \"a\")", "load(id = \"b\")"]);
    });
}
