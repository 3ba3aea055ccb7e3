//! Queries with `each`: the ids that hit are audited by one more run of the body.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::thread;

use cache_core::{Audit, Cache, HasCache, cached_query, invalidates};
use fastrand::Rng;
use futures_lite::future::{block_on, yield_now};

use crate::findings::{Findings, name_of};

#[derive(Clone, PartialEq, Debug)]
struct Down;

type Meanwhile = Box<dyn FnOnce(&Shop) + Send>;
type Prices = BTreeMap<u32, u32>;

/// What items cost, by id.
#[derive(Clone, HasCache)]
struct Shop {
    cache: Cache,
    database: Arc<Mutex<Prices>>,
    is_down: Arc<AtomicBool>,
    is_armed: Arc<AtomicBool>,
    /// The ids of each run of a body that has ended.
    runs: Arc<Mutex<Vec<Vec<u32>>>>,
    /// What the next body runs.
    meanwhile: Arc<Mutex<Option<Meanwhile>>>,
}

#[derive(Clone)]
struct NeitherComparedNorShown;

/// It panics in `Drop` while it is armed.
#[derive(Clone)]
struct Bomb(Arc<AtomicBool>);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0.load(SeqCst), "in `Drop`");
    }
}

impl Shop {
    fn on(cache: Cache) -> Self {
        let database = Arc::new(Mutex::new((1..=9).map(|id| (id, 10 * id)).collect()));
        let (is_down, is_armed) = (Arc::default(), Arc::default());
        Self { cache, database, is_down, is_armed, runs: Arc::default(), meanwhile: Arc::default() }
    }

    fn new(findings: &Findings) -> Self {
        Self::on(findings.cache())
    }

    fn within(&self, cache: Cache) -> Self {
        Self { cache, ..self.clone() }
    }

    fn select(&self, ids: &[u32]) -> Result<Prices, Down> {
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile(self);
        }
        let database = self.database.lock().unwrap().clone();
        self.runs.lock().unwrap().push(ids.to_vec());
        if self.is_down.load(SeqCst) {
            return Err(Down);
        }
        Ok(database.into_iter().filter(|(id, _)| ids.contains(id)).collect())
    }

    #[cached_query(each = ids)]
    fn prices(&self, ids: &[u32]) -> Result<Prices, Down> {
        self.select(ids)
    }

    #[cached_query(each = ids)]
    async fn prices_async(&self, ids: &[u32]) -> Result<Prices, Down> {
        yield_now().await;
        self.select(ids)
    }

    #[cached_query(each = ids)]
    fn opaque(&self, ids: &[u32]) -> Vec<(u32, NeitherComparedNorShown)> {
        let found = self.select(ids).unwrap_or_default();
        found.into_keys().map(|id| (id, NeitherComparedNorShown)).collect()
    }

    #[cached_query(each = ids)]
    fn bombs(&self, ids: &[u32]) -> Result<Vec<(u32, Bomb)>, Down> {
        Ok(self.select(ids)?.into_keys().map(|id| (id, Bomb(self.is_armed.clone()))).collect())
    }

    #[cached_query]
    fn sum(&self, ids: &[u32]) -> Result<u32, Down> {
        Ok(self.prices(ids)?.values().sum())
    }

    /// Its body reads another list.
    #[cached_query(each = ids)]
    fn doubled(&self, ids: &[u32]) -> Result<Prices, Down> {
        Ok(self.prices(ids)?.into_iter().map(|(id, price)| (id, 2 * price)).collect())
    }

    /// Names one id, whichever it changes.
    #[invalidates(prices(named), prices_async(named))]
    fn write(&self, named: u32, changes: &[(u32, Option<u32>)]) {
        let mut database = self.database.lock().unwrap();
        for &(id, price) in changes {
            match price {
                Some(price) => database.insert(id, price),
                None => database.remove(&id),
            };
        }
        drop(database);
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile(self);
        }
    }

    fn when_running(&self, meanwhile: impl FnOnce(&Shop) + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Some(Box::new(meanwhile));
    }

    fn runs(&self) -> Vec<Vec<u32>> {
        std::mem::take(&mut *self.runs.lock().unwrap())
    }

    /// Audited, found and loaded.
    fn counts(&self) -> (u64, u64, u64) {
        let stats = self.cache.stats();
        assert_eq!(stats.load_errors, 0, "an audit is no load");
        (stats.audited, stats.stale_found, stats.loads)
    }
}

type Ask = fn(&Shop, &[u32]) -> Result<Prices, Down>;

/// The test, for the query and for the `async` one.
fn both(test: impl Fn(Ask)) {
    test(Shop::prices);
    test(|shop, ids| block_on(shop.prices_async(ids)));
}

#[expect(clippy::unnecessary_wraps, reason = "answers are compared with it")]
fn prices<const N: usize>(prices: [(u32, u32); N]) -> Result<Prices, Down> {
    Ok(prices.into())
}

/// The arguments, both answers, and the mutations that may be to blame.
type Found = (String, [String; 2], Vec<String>);

fn found(arguments: &str, [cached, loaded]: [&str; 2], blamed: &[&str]) -> Found {
    (arguments.to_owned(), [cached.to_owned(), loaded.to_owned()], blamed.iter().map(|&name| name.to_owned()).collect())
}

impl Findings {
    fn take_found(&self) -> Vec<Found> {
        let found = self.take().into_iter().map(|finding| {
            assert!(finding.query.starts_with("prices") && finding.module == module_path!(), "{finding}");
            (finding.arguments, [finding.cached, finding.loaded], finding.mutations.iter().map(name_of).collect())
        });
        found.collect()
    }
}

#[test]
fn of_a_right_list_nothing_is_found_and_the_body_runs_once_more_for_all_hits() {
    both(|ask| {
        let findings = Findings::default();
        let shop = Shop::new(&findings);
        let all = prices([(1, 10), (2, 20), (3, 30)]);
        assert_eq!(ask(&shop, &[1, 2, 3, 99]), all);
        assert_eq!(shop.counts(), (0, 0, 4));
        assert_eq!(ask(&shop, &[3, 1, 2, 1, 99]), all);
        assert_eq!(shop.runs(), [[1, 2, 3, 99], [3, 1, 2, 99]]);
        assert_eq!(ask(&shop, &[]), prices([]));
        assert_eq!(shop.runs(), Vec::<Vec<u32>>::new());
        assert_eq!((findings.take_found(), shop.counts()), (vec![], (4, 0, 4)));
        shop.cache.check_invariants();
    });
}

#[test]
fn the_id_that_a_mutation_does_not_name_is_found_once() {
    both(|ask| {
        let findings = Findings::default();
        let shop = Shop::new(&findings);
        ask(&shop, &[1, 2, 3]).unwrap();
        shop.write(4, &[]);
        ask(&shop, &[1, 2, 3]).unwrap();
        shop.write(1, &[(1, Some(11)), (2, Some(22))]);
        shop.runs();
        for runs in [[vec![1], vec![2, 3]].as_slice(), &[vec![1, 2, 3]], &[vec![1, 2, 3]]] {
            let answer = prices([(1, 11), (2, 20), (3, 30)]);
            assert_eq!(ask(&shop, &[1, 2, 3]), answer, "the audit changes no answer");
            assert_eq!(shop.runs(), runs);
        }
        let blamed = ["write"];
        assert_eq!(
            findings.take_found(),
            [found("id = 2", ["Some(20)", "Some(22)"], &blamed)],
            "and the write before it not"
        );
        assert_eq!(shop.counts(), (3 + 2 + 3 + 3, 1, 4));
        shop.write(2, &[]);
        assert_eq!(ask(&shop, &[2]), prices([(2, 22)]));
        shop.cache.check_invariants();
    });
}

#[test]
fn several_wrong_ids_of_one_call_are_found_each() {
    both(|ask| {
        let findings = Findings::default();
        let shop = Shop::new(&findings);
        ask(&shop, &[1, 2, 3]).unwrap();
        shop.write(9, &[(3, Some(33)), (1, Some(11))]);
        ask(&shop, &[1, 2, 3]).unwrap();
        let wrong = [
            found("id = 1", ["Some(10)", "Some(11)"], &["write"]),
            found("id = 3", ["Some(30)", "Some(33)"], &["write"]),
        ];
        assert_eq!(findings.take_found(), wrong);
    });
}

#[test]
fn absence_is_compared_too() {
    both(|ask| {
        let findings = Findings::default();
        let shop = Shop::new(&findings);
        ask(&shop, &[1, 2, 98, 99]).unwrap();
        shop.write(9, &[(2, None), (99, Some(990))]);
        assert_eq!(ask(&shop, &[1, 2, 98, 99]), prices([(1, 10), (2, 20)]));
        let wrong =
            [found("id = 2", ["Some(20)", "None"], &["write"]), found("id = 99", ["None", "Some(990)"], &["write"])];
        assert_eq!(findings.take_found(), wrong);
    });
}

#[test]
fn while_a_write_is_in_progress_nothing_is_found() {
    both(|ask| {
        let findings = Findings::default();
        let shop = Shop::new(&findings);
        let before = ask(&shop, &[1, 2]);
        // It has changed the data, and not ended.
        shop.when_running(move |shop| {
            assert_eq!(ask(shop, &[1, 2]), before);
            assert_eq!(shop.counts().0, 2);
        });
        shop.write(1, &[(1, Some(11))]);
        assert_eq!(findings.take_found(), []);
        // It invalidates while the body of the audit runs, which has read what it changed.
        ask(&shop, &[1, 2]).unwrap();
        shop.database.lock().unwrap().insert(2, 22);
        shop.when_running(|shop| shop.write(2, &[]));
        ask(&shop, &[1, 2]).unwrap();
        assert_eq!(findings.take_found(), [], "the write explains it");
        // It is in a transaction.
        ask(&shop, &[1, 2]).unwrap();
        let transaction = shop.cache.transaction();
        let inside = shop.within(transaction.cache());
        inside.write(1, &[(1, Some(111))]);
        let audited = shop.counts().0;
        assert_eq!(ask(&inside, &[1]), prices([(1, 111)]));
        assert_eq!(shop.counts().0, audited, "a read in a transaction is no hit");
        assert_eq!(ask(&shop, &[1, 2]), prices([(1, 11), (2, 22)]));
        transaction.commit();
        assert_eq!(ask(&shop, &[1, 2]), prices([(1, 111), (2, 22)]));
        // It begins while the body of the audit runs, and is not committed at its end.
        let open = Arc::new(Mutex::new(None));
        let held = open.clone();
        shop.when_running(move |shop| {
            let transaction = shop.cache.transaction();
            shop.within(transaction.cache()).write(2, &[(2, Some(222))]);
            *held.lock().unwrap() = Some(transaction);
        });
        assert_eq!(ask(&shop, &[1, 2]), prices([(1, 111), (2, 22)]));
        open.lock().unwrap().take().expect("the body was run").commit();
        assert_eq!(ask(&shop, &[1, 2]), prices([(1, 111), (2, 222)]));
        assert_eq!(findings.take_found(), []);
    });
}

#[test]
fn a_write_during_the_loads_of_the_call_is_over_when_the_audit_begins() {
    both(|ask| {
        let findings = Findings::default();
        let shop = Shop::new(&findings);
        ask(&shop, &[1, 2]).unwrap();
        shop.when_running(|shop| shop.write(2, &[(1, Some(11)), (2, Some(22))]));
        assert_eq!(ask(&shop, &[1, 2, 3]), prices([(1, 10), (2, 20), (3, 30)]), "1 and 2 have hit before it");
        let wrong = [found("id = 1", ["Some(10)", "Some(11)"], &["write"])];
        assert_eq!(findings.take_found(), wrong, "2 was invalidated");
    });
}

#[test]
fn a_body_that_fails_says_nothing() {
    both(|ask| {
        let findings = Findings::default();
        let shop = Shop::new(&findings);
        ask(&shop, &[1, 2]).unwrap();
        shop.write(9, &[(1, Some(11))]);
        shop.is_down.store(true, SeqCst);
        assert_eq!(ask(&shop, &[1, 2]), prices([(1, 10), (2, 20)]));
        assert_eq!((shop.runs(), findings.take_found(), shop.counts()), (vec![vec![1, 2]; 2], vec![], (2, 0, 2)));
        // The load fails, and the audit does not begin.
        assert_eq!(ask(&shop, &[1, 2, 3]), Err(Down));
        assert_eq!((shop.runs(), shop.cache.stats().audited), (vec![vec![3]], 2));
        shop.is_down.store(false, SeqCst);
        assert_eq!(ask(&shop, &[1, 2, 3]), prices([(1, 10), (2, 20), (3, 30)]));
        assert_eq!(shop.runs(), [vec![3], vec![1, 2]]);
        assert_eq!(findings.take_found(), [found("id = 1", ["Some(10)", "Some(11)"], &["write"])]);
        shop.cache.check_invariants();
    });
}

#[test]
fn a_body_that_panics_says_nothing_and_the_panic_reaches_the_call() {
    both(|ask| {
        let findings = Findings::default();
        let shop = Shop::new(&findings);
        ask(&shop, &[1, 2]).unwrap();
        // The body that loads 3 leaves it to the next one, which audits.
        shop.when_running(|shop| shop.when_running(|_| panic!("in an audit")));
        let panic = catch_unwind(AssertUnwindSafe(|| ask(&shop, &[1, 2, 3]))).expect_err("it reaches the call");
        assert_eq!(panic.downcast_ref(), Some(&"in an audit"));
        assert_eq!((shop.runs(), findings.take_found()), (vec![vec![1, 2], vec![3]], vec![]));
        assert_eq!((shop.counts(), shop.cache.len()), ((2, 0, 3), 3), "3 was stored before");
        assert_eq!(ask(&shop, &[1, 2, 3]), prices([(1, 10), (2, 20), (3, 30)]));
        assert_eq!(shop.runs(), [[1, 2, 3]]);
        shop.cache.check_invariants();
    });
}

#[test]
fn a_finding_that_panics_reaches_the_call_and_the_next_one_finds_the_rest() {
    both(|ask| {
        let audit = Audit::sample(1.0).on_finding(|finding| panic!("{}", finding.arguments));
        let shop = Shop::on(Cache::builder().audit(audit).build());
        ask(&shop, &[1, 2, 3]).unwrap();
        shop.write(9, &[(1, Some(11)), (3, Some(33))]);
        for arguments in ["id = 1", "id = 3"] {
            let panic = catch_unwind(AssertUnwindSafe(|| ask(&shop, &[1, 2, 3]))).expect_err("it reaches the call");
            assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some(arguments));
        }
        assert_eq!(ask(&shop, &[1, 2, 3]), prices([(1, 10), (2, 20), (3, 30)]));
        assert_eq!(shop.counts(), (9, 2, 3));
        shop.cache.check_invariants();
    });
}

#[test]
fn ids_that_are_loaded_here_or_elsewhere_do_not_wait_for_the_audit() {
    both(|ask| {
        let findings = Findings::default();
        let shop = Shop::new(&findings);
        ask(&shop, &[1, 2]).unwrap();
        shop.write(9, &[(2, Some(22))]);
        shop.runs();
        let called = Arc::new(Mutex::new(None));
        let late = called.clone();
        shop.when_running(move |shop| {
            let other = shop.clone();
            *late.lock().unwrap() = Some(thread::spawn(move || ask(&other, &[1, 3, 4, 2])));
            let has_run = || shop.runs.lock().unwrap().contains(&vec![3]);
            while !(has_run() && format!("{:?}", shop.cache).contains("callers_waiting: Some(1)")) {
                thread::yield_now();
            }
        });
        ask(&shop, &[4]).unwrap();
        let called = called.lock().unwrap().take().expect("the body was run");
        assert_eq!(called.join().unwrap(), prices([(1, 10), (2, 20), (3, 30), (4, 40)]));
        assert_eq!(shop.runs(), [vec![3], vec![4], vec![1, 2]]);
        assert_eq!(findings.take_found(), [found("id = 2", ["Some(20)", "Some(22)"], &["write"])]);
        assert_eq!(shop.counts(), (2, 1, 4));
    });
}

#[test]
fn if_a_load_elsewhere_fails_nothing_is_audited() {
    both(|ask| {
        let findings = Findings::default();
        let shop = Shop::new(&findings);
        ask(&shop, &[1]).unwrap();
        let called = Arc::new(Mutex::new(None));
        let late = called.clone();
        shop.when_running(move |shop| {
            let other = shop.clone();
            *late.lock().unwrap() = Some(thread::spawn(move || ask(&other, &[1, 4])));
            while !format!("{:?}", shop.cache).contains("callers_waiting: Some(1)") {
                thread::yield_now();
            }
            shop.is_down.store(true, SeqCst);
        });
        assert_eq!(ask(&shop, &[4]), Err(Down));
        let called = called.lock().unwrap().take().expect("the body was run");
        assert_eq!(called.join().unwrap(), Err(Down), "the error is shared");
        assert_eq!((shop.runs(), shop.cache.stats().audited), (vec![vec![1], vec![4]], 0));
        shop.cache.check_invariants();
    });
}

#[test]
fn a_panic_in_the_drop_of_a_hit_reaches_nobody() {
    let findings = Findings::default();
    let shop = Shop::new(&findings);
    shop.bombs(&[1]).unwrap();
    // The load fails, and the hit is dropped before it is audited.
    shop.when_running(|shop| {
        shop.is_armed.store(true, SeqCst);
        shop.is_down.store(true, SeqCst);
    });
    assert!(shop.bombs(&[1, 2]).is_err());
    assert_eq!(shop.cache.stats().drop_panics, 1);
    shop.is_armed.store(false, SeqCst);
    shop.cache.check_invariants();
}

#[test]
fn beside_other_threads_nothing_is_found_but_what_is_wrong() {
    const LAST: u32 = 6;
    both(|ask| {
        for names_the_last in [true, false] {
            let findings = Findings::default();
            let shop = Shop::new(&findings);
            ask(&shop, &[LAST]).unwrap();
            thread::scope(|scope| {
                for seed in 0..4 {
                    let (shop, mut random) = (&shop, Rng::with_seed(seed));
                    scope.spawn(move || {
                        for _ in 0..500 {
                            let (id, price) = (random.u32(1..=LAST), random.u32(..));
                            if random.u32(0..4) > 0 {
                                ask(shop, &(id..=LAST).collect::<Vec<_>>()).unwrap();
                            } else if names_the_last || id < LAST {
                                shop.write(id, &[(id, Some(price))]);
                            } else {
                                shop.write(1, &[(LAST, Some(price))]);
                            }
                        }
                    });
                }
            });
            // Now it is calm.
            let all: Vec<_> = (1..=LAST).collect();
            ask(&shop, &all).unwrap();
            let wrong: Vec<_> = findings.take().into_iter().map(|finding| finding.arguments).collect();
            assert_eq!(wrong, if names_the_last { vec![] } else { vec![format!("id = {LAST}")] });
            assert!(shop.counts().0 > 500, "{}", shop.cache.stats());
            shop.cache.check_invariants();
        }
    });
}

#[test]
fn each_id_is_drawn_for_itself() {
    both(|ask| {
        let ids: Vec<_> = (1..=1_000).collect();
        for (share, least, most) in [(0.0, 0, 0), (0.5, 400, 600), (1.0, 1_000, 1_000)] {
            let shop = Shop::on(Cache::builder().audit(Audit::sample(share)).build());
            ask(&shop, &ids).unwrap();
            shop.runs();
            ask(&shop, &ids).unwrap();
            let (runs, (audited, ..)) = (shop.runs(), shop.counts());
            assert!((least..=most).contains(&audited), "{audited} of 1,000 with a share of {share}");
            assert_eq!(runs.iter().map(|run| run.len() as u64).sum::<u64>(), audited);
            assert_eq!(runs.len(), usize::from(share > 0.0), "one run for all");
        }
        let unaudited = Shop::on(Cache::new());
        ask(&unaudited, &ids).unwrap();
        ask(&unaudited, &ids).unwrap();
        assert_eq!((unaudited.runs().len(), unaudited.counts()), (1, (0, 0, 1_000)));
    });
}

#[test]
fn a_finding_has_the_scope_of_its_handle() {
    both(|ask| {
        let findings = Findings::default();
        let shop = Shop::new(&findings);
        let tenant = shop.within(shop.cache.scope("tenant"));
        ask(&shop, &[1]).unwrap();
        shop.database.lock().unwrap().insert(1, 11);
        ask(&tenant, &[1]).unwrap();
        ask(&tenant, &[1]).unwrap();
        assert_eq!(findings.take_found(), []);
        shop.database.lock().unwrap().insert(1, 111);
        ask(&tenant, &[1]).unwrap();
        let scopes: Vec<_> = findings.take().into_iter().map(|finding| finding.scope).collect();
        assert_eq!(scopes, [Some("tenant".to_owned())], "the other one was not asked for");
    });
}

#[test]
fn what_cannot_be_compared_is_not_found() {
    let findings = Findings::default();
    let shop = Shop::new(&findings);
    assert_eq!(shop.opaque(&[1, 2]).len(), 2);
    shop.write(9, &[(1, None)]);
    assert_eq!(shop.opaque(&[1, 2]).len(), 2);
    assert_eq!((findings.take().len(), shop.counts()), (0, (2, 0, 2)));
}

#[test]
fn lists_are_audited_in_a_load_and_not_in_an_audit() {
    let findings = Findings::default();
    let shop = Shop::new(&findings);
    shop.prices(&[1, 2]).unwrap();
    shop.runs();
    assert_eq!((shop.sum(&[1, 2]), shop.counts().0), (Ok(30), 2));
    assert_eq!(shop.runs(), [[1, 2]], "in the load of the sum");
    assert_eq!((shop.sum(&[1, 2]), shop.counts().0), (Ok(30), 3));
    assert_eq!(shop.runs(), Vec::<Vec<u32>>::new(), "the audit of the sum takes the list from the cache");
    // The same for a list that reads another.
    shop.doubled(&[1, 2]).unwrap();
    assert_eq!((shop.runs(), shop.counts().0), (vec![vec![1, 2]], 5));
    shop.doubled(&[1, 2]).unwrap();
    assert_eq!((shop.runs(), shop.counts().0), (vec![], 7));
    assert_eq!(findings.take().len(), 0);
    // What was audited in a load is still read by it.
    shop.write(2, &[(2, Some(22))]);
    assert_eq!(shop.sum(&[1, 2]), Ok(32));
    assert_eq!(shop.doubled(&[1, 2]), prices([(1, 20), (2, 44)]));
    assert_eq!(findings.take().len(), 0);
    shop.cache.check_invariants();
}

#[test]
fn a_future_that_is_dropped_in_its_audit_leaves_no_trace() {
    let findings = Findings::default();
    let shop = Shop::new(&findings);
    block_on(shop.prices_async(&[1, 2])).unwrap();
    shop.write(9, &[(1, Some(11))]);
    let mut call = Box::pin(shop.prices_async(&[1, 2]));
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "the body waits once");
    assert_eq!(shop.counts(), (2, 0, 2));
    drop(call);
    assert_eq!((shop.runs(), findings.take_found()), (vec![vec![1, 2]], vec![]));
    assert_eq!(block_on(shop.prices_async(&[1, 2])), prices([(1, 10), (2, 20)]));
    assert_eq!(findings.take_found(), [found("id = 1", ["Some(10)", "Some(11)"], &["write"])]);
    assert_eq!(shop.counts(), (4, 1, 2));
    shop.cache.check_invariants();
}
