//! Targets of every form invalidate the entries that they name, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

use super::mode::block_on;

#[derive(Clone, PartialEq, Debug)]
struct Track {
    id: u32,
    artist_id: u32,
    next: Option<u32>,
}

fn track(id: u32) -> Track {
    Track { id, artist_id: 10 + id, next: Some(id + 1) }
}

/// What a query may be asked with, and does not depend on.
struct Connection(u32);

trait Executor {
    fn rows(&self) -> u32;
}

impl Executor for Connection {
    fn rows(&self) -> u32 {
        self.0
    }
}

impl Executor for &str {
    fn rows(&self) -> u32 {
        u32::try_from(self.len()).unwrap()
    }
}

#[derive(HasCache)]
struct Other {
    cache: Cache,
}

impl Other {
    #[cached_query]
    async fn of_other(&self, id: u32) -> u32 {
        id
    }
}

#[derive(HasCache, Default)]
struct Repo {
    ids: Vec<u32>,
    current: Option<u32>,
    title: Option<String>,
    #[cache]
    cache: Cache,
}

impl Repo {
    #[cached_query]
    async fn get(&self, id: u32) -> u32 {
        id
    }

    #[cached_query(tags("artist:{id}"))]
    async fn tagged(&self, id: u32) -> u32 {
        id
    }

    #[cached_query]
    async fn by_title(&self, title: &str) -> usize {
        title.len()
    }

    #[cached_query]
    async fn spared(&self) -> u32 {
        1
    }

    #[cached_query(skip(connection))]
    async fn skipping(&self, connection: &Connection, id: u32) -> u32 {
        connection.0 + id
    }

    #[cached_query(skip(executor))]
    async fn with_any<'c, E: Executor + 'c>(&self, executor: &'c E, id: u32) -> u32 {
        executor.rows() + id
    }

    #[cached_query(skip(executor))]
    async fn with_impl(&self, id: u32, executor: impl Executor) -> u32 {
        executor.rows() + id
    }

    #[cached_query(key(id))]
    async fn keyed(&self, executor: &impl Executor, id: u32, (scale, _): (f64, u8)) -> u32 {
        assert!(scale > 0.0);
        executor.rows() + id
    }

    #[cached_query(key(self.ids.len(), id))]
    async fn keyed_by_self(&self, connection: &Connection, id: u32) -> u32 {
        connection.0 + id
    }

    #[invalidates(for id in ids { get(*id) })]
    async fn of_slice(&self, ids: &[u32]) {}

    #[invalidates(for id in ids { get(*id) })]
    async fn of_reference(&self, ids: &Vec<u32>) {}

    /// The body takes the list, which was borrowed.
    #[invalidates(for id in ids { get(*id) })]
    async fn of_vec(&self, ids: Vec<u32>) -> Vec<u32> {
        ids
    }

    #[invalidates(for id in ids { get(*id) })]
    async fn of_array(&self, ids: [u32; 2]) {}

    #[invalidates(for id in ids { get(*id) })]
    async fn of_set(&self, ids: BTreeSet<u32>) {}

    #[invalidates(for (id, title) in titles { get(*id); by_title(title) })]
    async fn of_map(&self, titles: BTreeMap<u32, String>) {}

    #[invalidates(for id in ids { get(*id) })]
    async fn of_shared_slice(&self, ids: Arc<[u32]>) {}

    #[invalidates(for id in ids { get(*id) })]
    async fn of_shared_vec(&self, ids: &Arc<Vec<u32>>) {}

    #[invalidates(for id in &self.ids { get(*id) })]
    async fn of_field(&mut self) {
        self.ids.clear();
    }

    #[invalidates(for id in 1..2 { get(id) }, for id in self.ids.iter().filter(|id| **id > 2) { get(*id) })]
    async fn of_iterators(&self) {}

    #[invalidates(for Track { id, artist_id, .. } in tracks { get(*id), tags("artist:{artist_id}", "x"), })]
    async fn several(&self, tracks: &[Track]) {}

    #[invalidates(for row in rows { for id in row { get(*id) } spared() })]
    async fn nested(&self, rows: &[Vec<u32>]) {}

    #[invalidates(for id in ids { Self::get(*id); Repo::tagged(*id); Other::of_other(*id) }, "by_title")]
    async fn by_paths(&self, ids: &[u32]) {}

    #[invalidates(for id in ids { get(*id) }, on = "ok")]
    async fn on_ok(&self, ids: &[u32], ok: bool) -> Result<(), String> {
        if ok { Ok(()) } else { Err("no".into()) }
    }

    #[invalidates(|tracks| for track in tracks { get(track.id) })]
    async fn of_result(&self, result: Result<Vec<Track>, String>) -> Result<Vec<Track>, String> {
        result
    }

    #[invalidates(|tracks| { for track in tracks { get(track.id); for id in &track.next { by_title(&id.to_string()) } } tagged(1) })]
    async fn many_of_result(&self, result: Result<Arc<[Track]>, String>) -> Result<Arc<[Track]>, String> {
        result
    }

    #[invalidates(|track| tags(format!("artist:{}", track.id), "literal"))]
    async fn tags_of_result(&self, result: Result<Track, String>) -> Result<Track, String> {
        result
    }

    #[invalidates(|Track { id, .. }| tags("artist:{id}"))]
    async fn tag_of_pattern(&self, value: Track) -> Track {
        value
    }

    #[invalidates(|track| { get(panics_if(track.id)); tagged(1) })]
    async fn closure_panics(&self, id: u32) -> Track {
        track(id)
    }

    #[invalidates(get(id?))]
    async fn optional(&self, id: Option<u32>) {}

    #[invalidates(by_title(title?))]
    async fn optional_reference(&self, title: Option<String>) -> Option<String> {
        title
    }

    #[invalidates(get(self.current?), by_title(self.title?))]
    async fn optional_fields(&mut self) {
        (self.current, self.title) = (None, None);
    }

    #[invalidates(|found| get(found?.id))]
    async fn optional_value(&self, found: Option<Track>) -> Option<Track> {
        found
    }

    #[invalidates(|found| get(found?.next?))]
    async fn optional_within(&self, found: Result<Option<Track>, String>) -> Result<Option<Track>, String> {
        found
    }

    #[invalidates(for track in tracks { get(track.next?); tagged(track.id) })]
    async fn optional_in_loop(&self, tracks: &[Track]) {}

    #[invalidates(for id in ids? { get(*id); tagged(*id) })]
    async fn optional_list(&self, ids: Option<&[u32]>) {}

    #[invalidates(|tracks| for track in tracks? { for id in track.next { get(*id) } })]
    async fn optional_list_of_value(&self, tracks: Option<Vec<Track>>) -> Option<Vec<Track>> {
        tracks
    }

    #[invalidates(for track in tracks { tags(format!("artist:{}", track.next?)) })]
    async fn optional_tag(&self, tracks: &[Track]) {}

    /// The `?` in the closure is that of the closure.
    #[invalidates(get(tracks.first().and_then(|track| Some(track.next? - 1))?))]
    async fn question_of_a_closure(&self, tracks: &[Track]) {}

    #[invalidates(skipping(_, id), with_any(_, id), with_impl(id, _), keyed(_, id, _))]
    async fn without_skipped(&self, id: u32) {}

    #[invalidates(keyed_by_self(_, id))]
    async fn without_skipped_of_self(&self, id: u32) {}

    #[invalidates(for id in ids { with_any(_, *id) }, |value| skipping(_, value?.id))]
    async fn without_skipped_in_a_loop(&self, ids: &[u32], value: Option<Track>) -> Option<Track> {
        value
    }

    #[invalidates(skipping(&Connection(7), id))]
    async fn with_skipped(&self, id: u32) {}

    async fn cached() -> Self {
        let repo = Self { ids: vec![1, 3], ..Self::default() };
        for id in 1..=3 {
            repo.get(id).await;
            repo.tagged(id).await;
            repo.by_title(&id.to_string()).await;
        }
        Other { cache: repo.cache.clone() }.of_other(1).await;
        repo.spared().await;
        repo
    }

    /// What a write invalidates.
    async fn loses(write: impl AsyncFnOnce(&mut Self)) -> Vec<String> {
        let mut repo = Self::cached().await;
        let before = shown(&repo.cache);
        let cache = repo.cache.clone();
        write(&mut repo).await;
        cache.check_invariants();
        let after = shown(&cache);
        before.into_iter().filter(|entry| !after.contains(entry)).collect()
    }
}

fn panics_if(id: u32) -> u32 {
    assert!(id != 2, "as the test wants it");
    id
}

fn shown(cache: &Cache) -> Vec<String> {
    let entries = cache.entries();
    let values = |arguments: &str| -> String {
        let of = arguments.split(", ").filter_map(|argument| argument.split(" = ").nth(1));
        of.collect::<Vec<_>>().join(", ")
    };
    let mut shown: Vec<_> =
        entries.iter().map(|entry| format!("{}({})", entry.query, values(&entry.arguments))).collect();
    shown.sort_unstable();
    shown
}

const GETS: [&str; 3] = ["get(1)", "get(2)", "get(3)"];

#[test]
fn a_for_names_the_items_of_any_list_and_borrows_it() {
    block_on(async {
        let two = ["get(1)", "get(3)"];
        assert_eq!(Repo::loses(async |repo: &mut Repo| repo.of_slice(&[1, 3, 1]).await).await, two);
        assert_eq!(Repo::loses(async |repo: &mut Repo| repo.of_reference(&vec![1, 3]).await).await, two);
        let taken = Repo::loses(async |repo: &mut Repo| assert_eq!(repo.of_vec(vec![1, 3]).await, [1, 3])).await;
        assert_eq!(taken, two);
        assert_eq!(Repo::loses(async |repo: &mut Repo| repo.of_array([3, 1]).await).await, two);
        assert_eq!(Repo::loses(async |repo: &mut Repo| repo.of_set([1, 3].into()).await).await, two);
        assert_eq!(Repo::loses(async |repo: &mut Repo| repo.of_shared_slice([1, 3].into()).await).await, two);
        assert_eq!(Repo::loses(async |repo: &mut Repo| repo.of_shared_vec(&Arc::new(vec![1, 3])).await).await, two);
        assert_eq!(Repo::loses(async |repo: &mut Repo| repo.of_field().await).await, two);
        assert_eq!(Repo::loses(async |repo: &mut Repo| repo.of_iterators().await).await, two);
        let map = async |repo: &mut Repo| repo.of_map([(1, "2".into())].into()).await;
        assert_eq!(Repo::loses(map).await, ["by_title(\"2\")", "get(1)"]);
    });
}

#[test]
fn an_empty_list_invalidates_nothing() {
    block_on(async {
        assert_eq!(Repo::loses(async |repo: &mut Repo| repo.of_slice(&[]).await).await, [""; 0]);
        assert_eq!(Repo::loses(async |repo: &mut Repo| repo.nested(&[]).await).await, [""; 0]);
        assert_eq!(
            Repo::loses(async |repo: &mut Repo| _ = repo.of_result(Ok(Vec::new())).await.unwrap()).await,
            [""; 0]
        );
    });
}

#[test]
fn a_for_has_any_number_of_keys_tags_and_loops() {
    block_on(async {
        let tracks = [Track { id: 1, artist_id: 3, next: None }];
        assert_eq!(Repo::loses(async |repo: &mut Repo| repo.several(&tracks).await).await, ["get(1)", "tagged(3)"]);
        let rows = [vec![1], vec![], vec![3]];
        assert_eq!(
            Repo::loses(async |repo: &mut Repo| repo.nested(&rows).await).await,
            ["get(1)", "get(3)", "spared()"]
        );
        let by_paths = async |repo: &mut Repo| repo.by_paths(&[1]).await;
        assert_eq!(
            Repo::loses(by_paths).await,
            ["by_title(\"1\")", "by_title(\"2\")", "by_title(\"3\")", "get(1)", "of_other(1)", "tagged(1)"]
        );
    });
}

#[test]
fn a_for_follows_the_option_on() {
    block_on(async {
        assert_eq!(Repo::loses(async |repo: &mut Repo| repo.on_ok(&[1], true).await.unwrap()).await, ["get(1)"]);
        let failed = async |repo: &mut Repo| assert!(repo.on_ok(&[1], false).await.is_err());
        assert_eq!(Repo::loses(failed).await, [""; 0]);
    });
}

#[test]
fn a_for_takes_its_list_from_the_returned_value() {
    block_on(async {
        let result = async |repo: &mut Repo| assert!(repo.of_result(Ok(vec![track(1), track(3)])).await.is_ok());
        assert_eq!(Repo::loses(result).await, ["get(1)", "get(3)"]);
        let many = async |repo: &mut Repo| {
            repo.many_of_result(Ok([track(1), track(2)].into())).await.unwrap();
        };
        assert_eq!(Repo::loses(many).await, ["by_title(\"2\")", "by_title(\"3\")", "get(1)", "get(2)", "tagged(1)"]);
    });
}

#[test]
fn p11_without_a_value_the_whole_queries_stand_for_its_keys() {
    block_on(async {
        let failed = async |repo: &mut Repo| assert!(repo.of_result(Err("no".into())).await.is_err());
        assert_eq!(Repo::loses(failed).await, GETS);
        let failed = async |repo: &mut Repo| assert!(repo.many_of_result(Err("no".into())).await.is_err());
        let (titles, tagged) =
            (["by_title(\"1\")", "by_title(\"2\")", "by_title(\"3\")"], ["tagged(1)", "tagged(2)", "tagged(3)"]);
        assert_eq!(Repo::loses(failed).await, [&titles[..], &GETS, &tagged].concat());
    });
}

#[test]
fn tags_come_from_the_returned_value() {
    block_on(async {
        let result = async |repo: &mut Repo| assert!(repo.tags_of_result(Ok(track(2))).await.is_ok());
        assert_eq!(Repo::loses(result).await, ["tagged(2)"]);
        assert_eq!(Repo::loses(async |repo: &mut Repo| _ = repo.tag_of_pattern(track(3)).await).await, ["tagged(3)"]);
    });
}

#[test]
fn p11_without_a_value_tags_of_it_mean_everything() {
    block_on(async {
        let failed = async |repo: &mut Repo| assert!(repo.tags_of_result(Err("no".into())).await.is_err());
        assert_eq!(Repo::loses(failed).await.len(), shown(&Repo::cached().await.cache).len());
    });
}

#[test]
fn everything_is_that_of_the_scope() {
    block_on(async {
        let repo = Repo::cached().await;
        let scoped = Repo { cache: repo.cache.scope("a"), ..Repo::default() };
        scoped.get(1).await;
        scoped.tags_of_result(Err("no".into())).await.unwrap_err();
        assert_eq!((repo.get(1).await, repo.cache.stats().hits), (1, 1), "the root is spared");
        assert_eq!((scoped.get(1).await, repo.cache.stats().hits), (1, 1));
    });
}

#[test]
fn p11_a_panic_in_a_closure_invalidates_all_that_it_could_name() {
    block_on(async {
        assert_eq!(
            Repo::loses(async |repo: &mut Repo| _ = repo.closure_panics(1).await).await,
            ["get(1)", "tagged(1)"]
        );
        let panics = async |repo: &mut Repo| {
            assert!(catch_unwind(AssertUnwindSafe(|| block_on(repo.closure_panics(2)))).is_err());
        };
        assert_eq!(Repo::loses(panics).await, [&GETS[..], &["tagged(1)", "tagged(2)", "tagged(3)"]].concat());
    });
}

#[test]
fn where_an_option_has_nothing_the_whole_query_is_invalidated() {
    block_on(async {
        assert_eq!(Repo::loses(async |repo: &mut Repo| repo.optional(Some(2)).await).await, ["get(2)"]);
        assert_eq!(Repo::loses(async |repo: &mut Repo| repo.optional(None).await).await, GETS);
        let title = async |repo: &mut Repo| _ = repo.optional_reference(Some("2".into())).await;
        assert_eq!(Repo::loses(title).await, ["by_title(\"2\")"]);
        let title = async |repo: &mut Repo| _ = repo.optional_reference(None).await;
        assert_eq!(Repo::loses(title).await.len(), 3);
        let fields = async |repo: &mut Repo| {
            (repo.current, repo.title) = (Some(1), Some("3".into()));
            repo.optional_fields().await;
        };
        assert_eq!(Repo::loses(fields).await, ["by_title(\"3\")", "get(1)"]);
    });
}

#[test]
fn a_question_in_a_closure_is_about_the_value() {
    block_on(async {
        let found = async |repo: &mut Repo| assert!(repo.optional_value(Some(track(2))).await.is_some());
        assert_eq!(Repo::loses(found).await, ["get(2)"]);
        let missing = async |repo: &mut Repo| assert!(repo.optional_value(None).await.is_none());
        assert_eq!(Repo::loses(missing).await, GETS);
        for (found, expected) in [
            (Ok(Some(track(2))), &GETS[2..]),
            (Ok(Some(Track { next: None, ..track(2) })), &GETS),
            (Ok(None), &GETS),
            (Err("no".to_owned()), &GETS),
        ] {
            let lost = Repo::loses(async |repo: &mut Repo| _ = repo.optional_within(found.clone()).await).await;
            assert_eq!(lost, expected, "{found:?}");
        }
    });
}

#[test]
fn a_question_in_a_loop_is_about_one_item() {
    block_on(async {
        let (some, none) = (track(1), Track { next: None, ..track(3) });
        let lost = Repo::loses(async |repo: &mut Repo| repo.optional_in_loop(std::slice::from_ref(&some)).await).await;
        assert_eq!(lost, ["get(2)", "tagged(1)"]);
        let lost = Repo::loses(async |repo: &mut Repo| repo.optional_in_loop(&[some, none]).await).await;
        assert_eq!(lost, [&GETS[..], &["tagged(1)", "tagged(3)"]].concat());
    });
}

#[test]
fn a_question_about_a_list_is_about_all_that_it_names() {
    block_on(async {
        let lost = Repo::loses(async |repo: &mut Repo| repo.optional_list(Some(&[1])).await).await;
        assert_eq!(lost, ["get(1)", "tagged(1)"]);
        let lost = Repo::loses(async |repo: &mut Repo| repo.optional_list(None).await).await;
        assert_eq!(lost, [&GETS[..], &["tagged(1)", "tagged(2)", "tagged(3)"]].concat());
        let found = async |repo: &mut Repo| _ = repo.optional_list_of_value(Some(vec![track(2)])).await;
        assert_eq!(Repo::loses(found).await, ["get(3)"]);
        let missing = async |repo: &mut Repo| _ = repo.optional_list_of_value(None).await;
        assert_eq!(Repo::loses(missing).await, GETS);
    });
}

#[test]
fn where_an_option_has_nothing_a_tag_means_everything() {
    block_on(async {
        let lost = Repo::loses(async |repo: &mut Repo| repo.optional_tag(&[track(1)]).await).await;
        assert_eq!(lost, ["tagged(2)"]);
        let none = Track { next: None, ..track(1) };
        let lost = Repo::loses(async |repo: &mut Repo| repo.optional_tag(&[none]).await).await;
        assert_eq!(lost.len(), shown(&Repo::cached().await.cache).len());
    });
}

#[test]
fn a_question_of_a_closure_is_left_to_it() {
    block_on(async {
        let lost = Repo::loses(async |repo: &mut Repo| repo.question_of_a_closure(&[track(2)]).await).await;
        assert_eq!(lost, ["get(2)"]);
        let lost = Repo::loses(async |repo: &mut Repo| repo.question_of_a_closure(&[]).await).await;
        assert_eq!(lost, GETS);
    });
}

async fn cached_by_connections(repo: &Repo) {
    for id in 1..=2 {
        repo.skipping(&Connection(0), id).await;
        repo.with_any(&Connection(0), id).await;
        repo.with_any(&"ab", id).await;
        repo.with_impl(id, Connection(0)).await;
        repo.with_impl(id, "ab").await;
        repo.keyed(&Connection(0), id, (1.0, 0)).await;
        repo.keyed(&"ab", id, (1.0, 0)).await;
        repo.keyed_by_self(&Connection(0), id).await;
    }
}

#[test]
fn skipped_arguments_are_left_out() {
    block_on(async {
        let repo = Repo::default();
        cached_by_connections(&repo).await;
        assert_eq!(repo.cache.len(), 16);
        repo.without_skipped(1).await;
        let left = [
            "keyed(2)",
            "keyed(2)",
            "keyed_by_self(0, 1)",
            "keyed_by_self(0, 2)",
            "skipping(2)",
            "with_any(2)",
            "with_any(2)",
            "with_impl(2)",
            "with_impl(2)",
        ];
        assert_eq!(shown(&repo.cache), left, "of every type of what was skipped");
        repo.without_skipped_of_self(1).await;
        assert_eq!(repo.cache.len(), 8);
        repo.with_skipped(2).await;
        assert_eq!(repo.cache.len(), 7);
    });
}

#[test]
fn skipped_arguments_are_left_out_in_loops_and_closures() {
    block_on(async {
        let repo = Repo::default();
        cached_by_connections(&repo).await;
        repo.without_skipped_in_a_loop(&[1, 2], Some(track(1))).await;
        assert_eq!(shown(&repo.cache).iter().filter(|entry| entry.starts_with("with_any")).count(), 0);
        assert_eq!((repo.cache.len(), shown(&repo.cache).contains(&"skipping(2)".to_owned())), (11, true));
    });
}

/// The values of one type are not those of another.
#[test]
fn p10_entries_of_what_was_skipped_are_apart_by_its_type() {
    block_on(async {
        let repo = Repo::default();
        assert_eq!((repo.with_any(&Connection(0), 1).await, repo.with_any(&"ab", 1).await), (1, 3));
        assert_eq!((repo.with_impl(1, Connection(0)).await, repo.with_impl(1, "ab").await), (1, 3));
        assert_eq!((repo.with_any(&Connection(0), 1).await, repo.with_any(&"ab", 1).await), (1, 3));
        assert_eq!((repo.cache.stats().loads, repo.cache.stats().hits), (4, 2));
    });
}

mod free {
    use super::{Connection, cached_query};

    #[cached_query(skip(connection))]
    pub(super) async fn rate(connection: &Connection, day: u32) -> u32 {
        connection.0 + day
    }
}

/// In the global cache, which other tests use too.
#[invalidates(for day in days { free::rate(_, *day) })]
async fn publish(days: &[u32]) {}

#[test]
fn a_function_takes_loops_and_underscores_too() {
    block_on(async {
        let loads = || {
            Cache::global()
                .query_stats()
                .iter()
                .find(|of| of.query == "rate" && of.module == concat!(module_path!(), "::free"))
                .map_or(0, |of| of.loads)
        };
        let before = loads();
        for _ in 0..2 {
            for day in [1001, 1002] {
                free::rate(&Connection(0), day).await;
            }
        }
        assert_eq!(loads() - before, 2);
        publish(&[1001]).await;
        for day in [1001, 1002] {
            free::rate(&Connection(0), day).await;
        }
        assert_eq!(loads() - before, 3);
    });
}

#[derive(HasCache, Default)]
struct Generic<T> {
    of: Vec<T>,
    #[cache]
    cache: Cache,
}

impl<T: std::hash::Hash + Eq + Clone + Send + Sync + std::fmt::Debug + 'static> Generic<T> {
    #[cached_query(skip(executor))]
    async fn find<E: Executor>(&self, executor: &E, item: &T) -> usize {
        let _ = executor.rows();
        self.of.iter().filter(|of| *of == item).count()
    }

    #[invalidates(for item in items { find(_, item) })]
    async fn change(&self, items: Vec<T>) -> Vec<T> {
        items
    }
}

trait Tracks {
    async fn find(&self, connection: &Connection, id: u32) -> u32;
    async fn change(&self, ids: Vec<u32>) -> Vec<u32>;
}

#[cached_impl]
impl Tracks for Generic<u8> {
    #[cached_query(skip(connection))]
    async fn find(&self, connection: &Connection, id: u32) -> u32 {
        connection.0 + id
    }

    #[invalidates(for id in ids { find(_, *id) }, |ids| for id in ids { find(_, id + 1) })]
    async fn change(&self, ids: Vec<u32>) -> Vec<u32> {
        ids
    }
}

#[test]
fn generic_types_and_traits_take_loops_and_underscores_too() {
    block_on(async {
        let repo = Generic::<String>::default();
        for item in ["a", "b"] {
            repo.find(&Connection(0), &item.into()).await;
            repo.find(&"x", &item.into()).await;
        }
        repo.change(vec!["b".into()]).await;
        assert_eq!(shown(&repo.cache), ["find(\"a\")", "find(\"a\")"]);

        let repo = Generic::<u8>::default();
        for id in 1..=4 {
            Tracks::find(&repo, &Connection(0), id).await;
        }
        Tracks::change(&repo, vec![1, 3]).await;
        assert_eq!(shown(&repo.cache), [""; 0]);
        for id in 1..=4 {
            Tracks::find(&repo, &Connection(0), id).await;
        }
        Tracks::change(&repo, vec![1]).await;
        assert_eq!(shown(&repo.cache), ["find(3)", "find(4)"]);
    });
}

/// All that a write names takes effect at one version, also what comes from lists.
#[test]
fn p16_targets_of_lists_take_effect_at_one_version() {
    block_on(async {
        let repo = Repo::cached().await;
        let before = repo.cache.stats().invalidations;
        repo.by_paths(&[1, 2]).await;
        assert_eq!(repo.cache.stats().invalidations - before, 7);
    });
}
