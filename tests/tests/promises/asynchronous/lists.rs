//! Queries of lists, which are cached by id: P1, P4, P5 and P15 hold for each.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use cache_core::{Cache, HasCache, ManualClock, TaggedCache, cached_query, invalidates};

use super::mode::block_on;

#[derive(Clone, PartialEq, Debug)]
struct Down;

type Meanwhile = Box<dyn FnOnce(&Repo) + Send>;

/// Ids below 100 exist, and their values are ten times the id and the generation.
#[derive(HasCache)]
struct Repo {
    generation: AtomicU32,
    is_down: AtomicBool,
    asked: Mutex<Vec<Vec<u32>>>,
    meanwhile: Mutex<Option<Meanwhile>>,
    cache: Cache,
    clock: ManualClock,
}

impl Repo {
    fn new() -> Self {
        let clock = ManualClock::new();
        Self::of(Cache::builder().clock(clock.clone()).build(), clock)
    }

    fn of(cache: Cache, clock: ManualClock) -> Self {
        let (generation, is_down) = (AtomicU32::new(0), AtomicBool::new(false));
        Self { generation, is_down, asked: Mutex::default(), meanwhile: Mutex::default(), cache, clock }
    }

    fn find<M: FromIterator<(u32, u32)>>(&self, ids: &[u32]) -> Result<M, Down> {
        self.asked.lock().unwrap().push(ids.to_vec());
        let generation = self.generation.load(Ordering::SeqCst);
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile(self);
        }
        if self.is_down.load(Ordering::SeqCst) {
            return Err(Down);
        }
        Ok(ids.iter().filter(|id| **id < 100).map(|id| (*id, 10 * id + generation)).collect())
    }

    #[cached_query(ttl = "10s", each = ids, tags("track:{id}"), stale_if_error = "1m")]
    async fn tracks(&self, ids: &[u32]) -> Result<HashMap<u32, u32>, Down> {
        self.find(ids)
    }

    #[cached_query(each = ids)]
    #[allow(clippy::needless_pass_by_value, reason = "lists are taken by value, too")]
    async fn in_order(&self, ids: Vec<u32>) -> Vec<(u32, u32)> {
        self.find(&ids).unwrap_or_default()
    }

    #[cached_query(each = ids, cache_if = Option::is_some)]
    async fn only_present(&self, ids: &[u32], plus: u32) -> BTreeMap<u32, u32> {
        let found: BTreeMap<_, _> = self.find(ids).unwrap_or_default();
        found.into_iter().map(|(id, track)| (id, track + plus)).collect()
    }

    #[cached_query]
    async fn sum(&self, ids: &[u32]) -> Result<u32, Down> {
        let tracks = self.tracks(ids).await?;
        Ok(tracks.values().sum())
    }

    /// What its body reads is read for each id.
    #[cached_query(each = ids)]
    async fn sums(&self, ids: &[u32]) -> Result<HashMap<u32, u32>, Down> {
        let base = self.tracks(&[7]).await?;
        Ok(ids.iter().map(|id| (*id, id + base[&7])).collect())
    }

    /// It asks for its own ids.
    #[cached_query(each = ids)]
    async fn itself(&self, ids: &[u32], depth: u32) -> HashMap<u32, u32> {
        ids.iter().map(|id| (*id, depth)).collect()
    }

    #[invalidates(tracks(id))]
    async fn change(&self, id: u32) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        let _ = id;
    }

    #[invalidates(for id in ids { tracks(*id) })]
    async fn change_all(&self, ids: &[u32]) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    #[invalidates("tracks")]
    async fn change_by_name(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn asked(&self) -> Vec<Vec<u32>> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn ask(&self, ids: &[u32]) -> Result<BTreeMap<u32, u32>, Down> {
        block_on(self.tracks(ids)).map(|found| found.into_iter().collect())
    }

    fn when_loading(&self, meanwhile: impl FnOnce(&Repo) + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Some(Box::new(meanwhile));
    }
}

#[expect(clippy::unnecessary_wraps, reason = "answers are compared with it")]
fn map<const N: usize>(pairs: [(u32, u32); N]) -> Result<BTreeMap<u32, u32>, Down> {
    Ok(pairs.into())
}

#[test]
fn p4_the_body_runs_once_for_what_is_missing() {
    let repo = Repo::new();
    assert_eq!(repo.ask(&[1, 2, 1]), map([(1, 10), (2, 20)]));
    assert_eq!(repo.ask(&[3, 2, 4, 3]), map([(2, 20), (3, 30), (4, 40)]));
    assert_eq!(repo.ask(&[4, 1]), map([(1, 10), (4, 40)]));
    assert_eq!(repo.asked(), [vec![1, 2], vec![3, 4]]);
    let stats = repo.cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.loads, stats.entries), (3, 4, 4, 4), "they count ids");
}

#[test]
fn an_empty_list_runs_no_body() {
    let repo = Repo::new();
    assert_eq!(repo.ask(&[]), map([]));
    assert!(block_on(repo.in_order(Vec::new())).is_empty());
    assert!(repo.asked().is_empty());
}

#[test]
fn an_id_that_is_not_returned_is_remembered() {
    let repo = Repo::new();
    assert_eq!(repo.ask(&[1, 100]), map([(1, 10)]));
    assert_eq!(repo.ask(&[100, 101]), map([]));
    assert_eq!(repo.ask(&[101, 100]), map([]));
    assert_eq!(repo.asked(), [vec![1, 100], vec![101]]);
    assert_eq!(repo.cache.len(), 3);
    for _ in 0..2 {
        assert_eq!(block_on(repo.only_present(&[1, 100], 5)), [(1, 15)].into());
    }
    assert_eq!(repo.asked(), [vec![1, 100], vec![100]], "`cache_if` refuses what is absent");
}

#[test]
fn the_result_is_in_the_order_of_the_list() {
    let repo = Repo::new();
    assert_eq!(block_on(repo.in_order(vec![3, 1, 3, 2])), [(3, 30), (1, 10), (2, 20)]);
    assert_eq!(block_on(repo.in_order(vec![5, 2, 4, 3])), [(5, 50), (2, 20), (4, 40), (3, 30)]);
    assert_eq!(repo.asked(), [vec![3, 1, 2], vec![5, 4]]);
}

#[test]
fn p10_other_arguments_are_part_of_the_key_of_each_id() {
    let repo = Repo::new();
    assert_eq!(block_on(repo.only_present(&[1], 0)), [(1, 10)].into());
    assert_eq!(block_on(repo.only_present(&[1], 1)), [(1, 11)].into());
    assert_eq!(block_on(repo.only_present(&[1], 0)), [(1, 10)].into());
    assert_eq!(repo.asked().len(), 2);
    let tenant = Repo { cache: repo.cache.scope("tenant"), ..Repo::new() };
    block_on(tenant.only_present(&[1], 0));
    assert_eq!(tenant.asked().len(), 1);
}

#[test]
fn p1_ids_are_invalidated_one_by_one_by_name_and_by_tag() {
    type Write = fn(&Repo);
    let writes: [(Write, &[u32]); 5] = [
        (|repo| block_on(repo.change(2)), &[2]),
        (|repo| block_on(repo.change_all(&[3, 2])), &[2, 3]),
        (|repo| block_on(repo.change_by_name()), &[1, 2, 3]),
        (|repo| repo.cache.invalidate_tags(["track:1"]), &[1]),
        (|repo| repo.cache.invalidate_all(), &[1, 2, 3]),
    ];
    for (write, invalidated) in writes {
        let repo = Repo::new();
        repo.ask(&[1, 2, 3]).unwrap();
        repo.asked();
        write(&repo);
        repo.ask(&[1, 2, 3]).unwrap();
        assert_eq!(repo.asked(), [invalidated]);
    }
}

#[test]
fn p1_only_the_invalidated_id_of_a_load_is_refused() {
    let repo = Repo::new();
    repo.when_loading(|repo| block_on(repo.change(2)));
    assert_eq!(repo.ask(&[1, 2, 3]), map([(1, 10), (2, 20), (3, 30)]));
    assert_eq!(repo.ask(&[1, 2, 3]), map([(1, 10), (2, 21), (3, 30)]));
    assert_eq!(repo.asked(), [vec![1, 2, 3], vec![2]]);
}

#[test]
fn p7_an_error_is_not_stored_and_the_next_call_loads() {
    let repo = Repo::new();
    repo.ask(&[1]).unwrap();
    repo.is_down.store(true, Ordering::SeqCst);
    assert_eq!(repo.ask(&[1, 2]), Err(Down));
    assert_eq!(repo.ask(&[1]), map([(1, 10)]));
    repo.is_down.store(false, Ordering::SeqCst);
    assert_eq!(repo.ask(&[1, 2]), map([(1, 10), (2, 20)]));
    assert_eq!(repo.asked(), [vec![1], vec![2], vec![2]]);
}

#[test]
fn p18_expired_ids_are_served_if_their_load_fails_and_all_have_a_value() {
    let repo = Repo::new();
    repo.ask(&[1, 2]).unwrap();
    repo.is_down.store(true, Ordering::SeqCst);
    repo.clock.advance(Duration::from_secs(11));
    assert_eq!(repo.ask(&[1, 2]), map([(1, 10), (2, 20)]));
    assert_eq!(repo.ask(&[1, 3]), Err(Down), "3 has none");
    assert_eq!(repo.ask(&[2, 1]), map([(1, 10), (2, 20)]));
    assert_eq!(repo.asked(), [vec![1, 2], vec![1, 2], vec![3]], "nobody tries 1 and 2 again at once");
    block_on(repo.change(2));
    assert_eq!(repo.ask(&[1, 2]), Err(Down), "what was invalidated is not served");
    assert_eq!(repo.ask(&[1]), map([(1, 10)]));
}

#[test]
fn p15_what_is_made_from_a_list_depends_on_each_of_its_ids() {
    let repo = Repo::new();
    assert_eq!(block_on(repo.sum(&[1, 2])), Ok(30));
    block_on(repo.change(3));
    assert_eq!((block_on(repo.sum(&[1, 2])), repo.asked().len()), (Ok(30), 1));
    block_on(repo.change(2));
    assert_eq!(block_on(repo.sum(&[1, 2])), Ok(32));
    repo.cache.invalidate_tags(["track:1"]);
    assert_eq!(block_on(repo.sum(&[1, 2])), Ok(34), "both cost one generation");
}

#[test]
fn p15_each_id_depends_on_what_the_body_read() {
    let repo = Repo::new();
    let sums = |ids: &[u32]| -> BTreeMap<u32, u32> { block_on(repo.sums(ids)).unwrap().into_iter().collect() };
    assert_eq!(sums(&[1, 2]), [(1, 71), (2, 72)].into());
    block_on(repo.change(7));
    assert_eq!(sums(&[2]), [(2, 73)].into());
    assert_eq!(sums(&[1]), [(1, 72)].into());
    repo.when_loading(|repo| block_on(repo.change(7)));
    block_on(repo.change(7));
    assert_eq!(sums(&[1, 2]), [(1, 73), (2, 74)].into(), "invalidated after it was read");
    assert_eq!(sums(&[1, 2]), [(1, 74), (2, 75)].into());
}

#[test]
fn p6_a_body_that_asks_for_its_own_ids_loads_them() {
    let repo = Arc::new(Repo::new());
    let other = repo.clone();
    repo.when_loading(move |_| {
        assert_eq!(other.ask(&[2, 3]), map([(2, 20), (3, 30)]));
    });
    assert_eq!(repo.ask(&[1, 2]), map([(1, 10), (2, 20)]));
    assert_eq!(repo.asked(), [vec![1, 2], vec![2, 3]]);
    assert_eq!(block_on(repo.itself(&[1, 2], 3)).len(), 2);
}

#[test]
fn p4_lists_that_overlap_wait_for_each_other() {
    let repo = Arc::new(Repo::new());
    let late = Arc::new(Mutex::new(None));
    repo.when_loading({
        let (late, repo) = (late.clone(), repo.clone());
        move |_| {
            let asking = repo.clone();
            *late.lock().unwrap() = Some(thread::spawn(move || asking.ask(&[2, 3])));
            while !format!("{:?}", repo.cache).contains("loads_in_flight: Some(2), callers_waiting: Some(1)") {
                thread::yield_now();
            }
        }
    });
    assert_eq!(repo.ask(&[1, 2]), map([(1, 10), (2, 20)]));
    let late = late.lock().unwrap().take().expect("the body was run");
    assert_eq!(late.join().unwrap(), map([(2, 20), (3, 30)]));
    assert_eq!(repo.asked(), [vec![1, 2], vec![3]]);
}

#[test]
fn p5_ids_of_a_call_that_fails_fail_for_those_that_wait_too() {
    let repo = Arc::new(Repo::new());
    let late = Arc::new(Mutex::new(None));
    repo.when_loading({
        let (late, repo) = (late.clone(), repo.clone());
        move |_| {
            let asking = repo.clone();
            *late.lock().unwrap() = Some(thread::spawn(move || asking.ask(&[2, 1])));
            while !format!("{:?}", repo.cache).contains("callers_waiting: Some(2)") {
                thread::yield_now();
            }
            repo.is_down.store(true, Ordering::SeqCst);
        }
    });
    assert_eq!(repo.ask(&[1, 2]), Err(Down));
    let late = late.lock().unwrap().take().expect("the body was run");
    assert_eq!(late.join().unwrap(), Err(Down), "the error is shared");
    assert_eq!(repo.asked(), [vec![1, 2]]);
}

#[test]
fn p17_in_a_transaction_and_at_capacity_0_all_ids_are_loaded() {
    let (repo, clock) = (Repo::new(), ManualClock::new());
    repo.ask(&[1, 2]).unwrap();
    let transaction = repo.cache.transaction();
    let empty = Cache::builder().capacity(0).build();
    for cache in [transaction.cache(), repo.cache.bypass(), repo.cache.refresh(), empty] {
        let other = Repo::of(cache, clock.clone());
        for _ in 0..2 {
            assert_eq!(other.ask(&[1, 2]), map([(1, 10), (2, 20)]));
        }
        assert_eq!(other.asked(), [vec![1, 2], vec![1, 2]]);
    }
    transaction.rollback();
}

#[test]
fn p9_a_list_is_longer_than_the_cache() {
    let repo = Repo::of(Cache::builder().capacity(10).build(), ManualClock::new());
    let ids: Vec<u32> = (0..1_000).collect();
    assert_eq!(repo.ask(&ids).unwrap().len(), 100);
    assert_eq!(repo.cache.len(), 10);
    repo.cache.check_invariants();
}

#[test]
fn p10_the_values_of_a_long_list_are_not_mixed_up() {
    for _ in 0..5 {
        let cache: TaggedCache<u32, Option<u32>> = TaggedCache::new();
        let ids: Vec<u32> = (0..5_000).collect();
        let found: Vec<(u32, u32)> = cache.get_or_load_each(&ids, |ids| ids.into_iter().map(|id| (id, id)).collect());
        assert_eq!(found.len(), 5_000);
        assert!(ids.iter().all(|id| cache.get(id) == Some(Some(*id))));
        cache.check_invariants();
    }
}

#[test]
fn p5_a_body_that_panics_stores_nothing() {
    let repo = Repo::new();
    repo.when_loading(|_| panic!("in the body"));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| repo.ask(&[1, 2])));
    assert!(panicked.is_err());
    assert_eq!((repo.cache.len(), repo.ask(&[1, 2])), (0, map([(1, 10), (2, 20)])));
    assert!(format!("{:?}", repo.cache).contains("loads_in_flight: Some(0), callers_waiting: Some(0)"));
}

/// Two threads ask for lists in opposite orders, again and again.
#[test]
fn p4_lists_in_any_order_do_not_wait_for_each_other_in_a_circle() {
    let repo = Repo::new();
    thread::scope(|scope| {
        for first in 0..4 {
            let repo = &repo;
            scope.spawn(move || {
                for round in 0..200 {
                    let mut ids = [round, round + 1, round + 2, round + 3];
                    ids.rotate_left(first);
                    assert!(repo.ask(&ids).is_ok());
                    if first == 0 {
                        repo.cache.invalidate_tags([format!("track:{}", round + 2)]);
                    }
                }
            });
        }
    });
    repo.cache.check_invariants();
}

#[test]
fn a_direct_cache_has_lists_too() {
    let cache: TaggedCache<u32, Option<u32>> = TaggedCache::new();
    let asked = Mutex::new(Vec::new());
    let find = |ids: Vec<u32>| -> Vec<(u32, u32)> {
        asked.lock().unwrap().push(ids.clone());
        ids.into_iter().filter(|id| *id < 100).map(|id| (id, 10 * id)).collect()
    };
    assert_eq!(cache.get_or_load_each(&[1, 100], find), [(1, 10)]);
    assert_eq!((cache.get(&1), cache.get(&100)), (Some(Some(10)), Some(None)));
    cache.invalidate_key(&1);
    let found: Result<_, ()> = cache.get_or_try_load_each(&[2, 1, 100], |ids| Ok(find(ids)));
    assert_eq!(found, Ok(vec![(2, 20), (1, 10)]));
    assert_eq!(*asked.lock().unwrap(), [vec![1, 100], vec![2, 1]]);
    let failed: Result<Vec<(u32, u32)>, u32> = cache.get_or_try_load_each(&[1, 3], |ids| Err(ids[0]));
    assert_eq!(failed, Err(3));
}
