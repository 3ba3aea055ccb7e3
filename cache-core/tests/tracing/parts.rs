//! Loads that run elsewhere than in their caller: in the background, on other threads, for many ids at once.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use cache_core::{Cache, HasCache, LoadContext, ManualClock, Runtime, Task, cached_query};
use futures_lite::future::{block_on, yield_now};
use tracing::{Dispatch, dispatcher, info, info_span};

use crate::recorder::seen;

/// Holds what is spawned until the test runs it.
#[derive(Clone, Default)]
struct Later(Arc<Mutex<Vec<Task>>>);

impl Runtime for Later {
    fn spawn(&self, task: Task) {
        self.0.lock().unwrap().push(task);
    }

    fn sleep(&self, _: Duration) -> Task {
        unreachable!("no query has a soft timeout")
    }
}

impl Later {
    /// On another thread, with the same subscriber.
    fn run(&self) {
        let (tasks, subscriber) =
            (std::mem::take(&mut *self.0.lock().unwrap()), dispatcher::get_default(Dispatch::clone));
        let run = || dispatcher::with_default(&subscriber, || tasks.into_iter().for_each(block_on));
        thread::scope(|scope| scope.spawn(run).join().unwrap());
    }
}

#[derive(HasCache)]
struct Charts {
    cache: Cache,
}

impl Charts {
    #[cached_query(ttl = "1m", stale_while_revalidate = "10m", background)]
    fn chart(self: Arc<Self>, id: u32) -> u32 {
        info!("in the body");
        id
    }

    #[cached_query(ttl = "1m", stale_while_revalidate = "10m", background)]
    async fn chart_async(self: Arc<Self>, id: u32) -> u32 {
        yield_now().await;
        info!("in the body");
        id
    }

    #[cached_query(ttl = "5m")]
    fn on_two_threads(&self) -> u32 {
        let (context, subscriber) = (LoadContext::current(), dispatcher::get_default(Dispatch::clone));
        let part = || dispatcher::with_default(&subscriber, || context.within(|| info!("on the other thread")));
        thread::scope(|scope| scope.spawn(part).join().unwrap());
        7
    }

    #[cached_query(ttl = "5m", each = ids, cache_if = Option::is_some)]
    fn rows(&self, ids: &[u32]) -> Result<HashMap<u32, String>, String> {
        info!("in the body");
        assert!(!ids.contains(&500), "in the body");
        if ids.contains(&400) {
            return Err("no connection".into());
        }
        Ok(ids.iter().filter(|id| **id < 100).map(|id| (*id, id.to_string())).collect())
    }

    #[cached_query(ttl = "5m", each = ids)]
    async fn rows_async(&self, ids: &[u32]) -> HashMap<u32, String> {
        info!("first poll");
        yield_now().await;
        info!("second poll");
        ids.iter().map(|id| (*id, id.to_string())).collect()
    }
}

fn charts() -> Charts {
    Charts { cache: Cache::new() }
}

/// The second call is answered by the expired value, and loads in the background.
fn in_background(call: impl Fn(&Arc<Charts>), query: &str) {
    let seen = seen(|recorder| {
        let (clock, runtime) = (ManualClock::new(), Later::default());
        let cache = Cache::builder().clock(clock.clone()).runtime(runtime.clone()).build();
        let charts = Arc::new(Charts { cache });
        call(&charts);
        clock.advance(Duration::from_secs(61));
        info_span!("request").in_scope(|| call(&charts));
        assert_eq!(recorder.seen().count("in the body"), 1, "the second load has not begun");
        runtime.run();
        assert_eq!(charts.cache.stats().stale_hits, 1);
        assert!(recorder.seen().loads().iter().all(|(_, load)| load.is_closed), "before the cache is dropped");
    });
    let loads = seen.loads();
    let [(_, first), (at, load)] = loads[..] else { panic!("two loads: {loads:?}") };
    assert_eq!((&*first.fields["query"], first.parent), (query, None));
    assert_eq!(load.parent.map(|parent| seen.spans[parent].name), Some("request"));
    assert_eq!(seen.events.iter().filter(|event| event.message() == "in the body").nth(1).unwrap().span, Some(at));
    assert_eq!(load.fields["outcome"], "stored");
    assert!(load.times_entered > 0 && load.times_entered == load.times_exited);
}

#[test]
fn a_load_in_the_background_is_a_span_of_its_caller() {
    in_background(|charts| assert_eq!(charts.clone().chart(7), 7), "chart");
}

#[test]
fn a_future_in_the_background_is_a_span_of_its_caller() {
    in_background(|charts| assert_eq!(block_on(charts.clone().chart_async(7)), 7), "chart_async");
}

#[test]
fn a_part_on_another_thread_is_in_the_span() {
    let seen = seen(|_| {
        charts().on_two_threads();
    });
    let (at, load) = seen.load("on_two_threads");
    assert_eq!(seen.event("on the other thread").span, Some(at));
    assert!(load.is_closed);
}

#[test]
fn a_list_has_one_span_for_what_it_loads() {
    let seen = seen(|_| {
        let charts = charts();
        charts.rows(&[1]).unwrap();
        charts.rows(&[1, 2, 3]).unwrap();
        charts.rows(&[1, 2, 3]).unwrap();
    });
    let loads: Vec<_> =
        seen.loads().iter().map(|(_, load)| (load.fields["loads"].clone(), load.fields["outcome"].clone())).collect();
    assert_eq!(loads, [("1".into(), "stored".into()), ("2".into(), "stored".into())]);
    let bodies: Vec<_> = seen.events.iter().map(|event| event.span).collect();
    assert_eq!(bodies, seen.loads().iter().map(|(at, _)| Some(*at)).collect::<Vec<_>>());
    assert!(seen.loads().iter().all(|(_, load)| load.is_closed));
}

#[test]
fn a_list_ends_as_all_its_loads_do() {
    let seen = seen(|_| {
        let charts = charts();
        charts.rows(&[1, 2, 100]).unwrap();
        charts.rows(&[3, 400]).unwrap_err();
        catch_unwind(AssertUnwindSafe(|| charts.rows(&[4, 500]))).unwrap_err();
    });
    let loads = seen.loads();
    let outcomes: Vec<_> = loads.iter().map(|(_, load)| &*load.fields["outcome"]).collect();
    assert_eq!(outcomes, ["mixed", "failed", "panicked"]);
    let failures: Vec<_> = seen.events.iter().filter(|event| event.message() == "a load has failed").collect();
    let spans: Vec<_> = failures.iter().map(|event| event.span).collect();
    assert_eq!(spans, [Some(loads[1].0), Some(loads[2].0)], "once for each body");
    assert!(loads.iter().all(|(_, load)| load.is_closed && load.times_entered == load.times_exited));
}

#[test]
fn the_span_of_a_list_is_entered_at_each_poll_only() {
    let seen = seen(|_| {
        let charts = charts();
        let mut call = pin!(charts.rows_async(&[1, 2]));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut cx).is_pending());
        info!("between the polls");
        assert!(call.as_mut().poll(&mut cx).is_ready());
    });
    let (at, load) = seen.load("rows_async");
    assert_eq!(seen.event("first poll").span, Some(at));
    assert_eq!(seen.event("between the polls").span, None);
    assert_eq!(seen.event("second poll").span, Some(at));
    assert_eq!((load.fields["outcome"].as_str(), load.is_closed), ("stored", true));
}
