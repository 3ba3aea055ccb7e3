//! Calls of a worker.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cache_core::{Cache, EntryOptions, HasCache, cached_query};
use futures_lite::future::{self, block_on};

use super::faults::maybe_yield;
use super::harness::{Expectation, Floor};
use super::load::Failed;
use super::slot::{Answer, Kind, SlotId};
use super::worker::{Api, Context, Worker};

/// A call of a cache. Dropped without an answer and without a load, it counts as abandoned.
pub(super) struct Call<'a> {
    pub(super) worker: &'a Worker,
    pub(super) of: SlotId,
    /// Unique.
    pub(super) number: u64,
    /// Of the body, if it runs.
    pub(super) context: Context,
    /// A call begun elsewhere, which the body awaits.
    pub(super) pending: Mutex<Option<Pending<'a>>>,
    pub(super) has_loaded: AtomicBool,
    /// The floors at the end of its body, if that failed.
    pub(super) failed: Mutex<Vec<(SlotId, Floor)>>,
    pub(super) is_answered: bool,
}

impl Call<'_> {
    fn end(mut self, expected: Expectation, result: Result<Answer, Failed>) -> Result<Answer, Failed> {
        match result {
            Ok(mut answer) => {
                answer.received();
                let expected = expected.after(self.failed.get_mut().unwrap());
                self.worker.harness.check(expected, &answer);
                self.is_answered = true;
                Ok(answer)
            }
            Err(Failed { call }) => {
                self.worker.harness.check_error(self.of, call, self.number);
                Err(Failed { call })
            }
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.is_answered && !self.has_loaded.load(Ordering::Relaxed) {
            self.worker.tally.abandoned.add(1);
        }
    }
}

/// Gives one call access to the annotated queries of one place.
pub(super) struct Request<'a, 'e> {
    pub(super) call: &'a Call<'e>,
    pub(super) cache: Cache,
}

impl HasCache for Request<'_, '_> {
    fn cache(&self) -> &Cache {
        &self.cache
    }
}

impl Request<'_, '_> {
    #[cached_query(tags("key:{key}"), weight = Answer::weight)]
    pub(super) fn query(&self, key: usize) -> Answer {
        block_on(self.call.load(key))
    }

    #[cached_query(name = "fallible", tags("key:{key}"))]
    pub(super) fn fallible_query(&self, key: usize) -> Result<Answer, Failed> {
        block_on(self.call.try_load(key))
    }

    #[cached_query(tags("key:{key}"), weight = Answer::weight)]
    pub(super) async fn async_query(&self, key: usize) -> Answer {
        self.call.load(key).await
    }

    #[cached_query(name = "fallible async", tags_from = |answer| [format!("key:{}", answer.of.key)])]
    pub(super) async fn fallible_async_query(&self, key: usize) -> Result<Answer, Failed> {
        self.call.try_load(key).await
    }

    #[cached_query(
        ttl = "5ms",
        tags("key:{key}"),
        refresh_ahead = "2ms",
        stale_while_revalidate = "10ms",
        stale_if_error = "30ms",
        retry_after = "3ms"
    )]
    pub(super) fn aged(&self, key: usize) -> Result<Answer, Failed> {
        block_on(self.call.try_load(key))
    }

    #[cached_query(
        ttl = "5ms",
        tags("key:{key}"),
        stale_while_revalidate = "30ms",
        stale_if_error = "5ms",
        retry_after = "3ms"
    )]
    pub(super) async fn async_aged(&self, key: usize) -> Result<Answer, Failed> {
        self.call.try_load(key).await
    }

    #[cached_query(each = keys, ttl = "5ms", tags("key:{id}"), stale_if_error = "20ms", retry_after = "2ms")]
    pub(super) fn list(&self, keys: &[usize]) -> Result<HashMap<usize, Answer>, Failed> {
        block_on(self.call.load_list(keys))
    }

    #[cached_query(each = keys, ttl = "5ms", tags("key:{id}"), stale_while_revalidate = "20ms", retry_after = "2ms")]
    pub(super) async fn async_list(&self, keys: &[usize]) -> Result<HashMap<usize, Answer>, Failed> {
        self.call.load_list(keys).await
    }
}

/// Of queries that serve values past their expiry: so short that these are not invalidated before.
pub(super) const SHORT_TTL: Duration = Duration::from_millis(5);

/// Of the queries with `stale_while_revalidate` or `stale_if_error`: as long as the longer one.
pub(super) const AGED_WINDOW: Duration = Duration::from_millis(30);

/// Of lists.
pub(super) const LIST_WINDOW: Duration = Duration::from_millis(20);

/// All that a write of a key invalidates.
pub(super) const QUERIES: [&str; 9] = [
    "query",
    "fallible",
    "async_query",
    "fallible async",
    "aged",
    "async_aged",
    "in the background",
    "list",
    "async_list",
];

/// A call in a body is boxed: it may itself run a body.
pub(super) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(super) type Pending<'a> = Boxed<'a, Result<Answer, Failed>>;

impl Worker {
    pub(super) async fn call(&self, of: SlotId, context: Context) -> Result<Answer, Failed> {
        self.call_after(None, of, context).await
    }

    async fn call_after<'a>(
        &'a self,
        pending: Option<Pending<'a>>,
        of: SlotId,
        context: Context,
    ) -> Result<Answer, Failed> {
        let blocks = self.blocks(context);
        let (context, pending, has_loaded) = (context.body(), Mutex::new(pending), AtomicBool::new(false));
        let number = self.harness.event();
        let failed = Mutex::default();
        let call = Call { worker: self, of, number, context, pending, has_loaded, failed, is_answered: false };
        // No await between this and the call: a future that is dropped there would be counted but not called.
        if of.kind().is_query() {
            self.tally.query_calls.add(1);
            self.call_query(call, blocks).await
        } else {
            self.tally.direct_calls.add(1);
            self.call_directly(call, blocks).await
        }
    }

    async fn call_query(&self, call: Call<'_>, blocks: bool) -> Result<Answer, Failed> {
        let SlotId { place, key } = call.of;
        let request = Request { call: &call, cache: self.harness.cache(place) };
        maybe_yield();
        let expected = self.harness.expectation(call.of);
        let result = match (call.of.kind(), blocks) {
            (Kind::Query, true) => Ok(request.query(key)),
            (Kind::Query, false) => Ok(request.async_query(key).await),
            (Kind::Aged, true) => request.aged(key),
            (Kind::Aged, false) if self.random.one_in(2) => request.async_aged(key).await,
            (Kind::Aged, false) => {
                // Whether its body runs, this call cannot know: it does not count as abandoned.
                call.has_loaded.store(true, Ordering::Relaxed);
                self.tally.background_calls.add(1);
                self.background(call.of, call.number).query(key).await
            }
            (_, true) => request.fallible_query(key),
            (_, false) => request.fallible_async_query(key).await,
        };
        call.end(expected, result)
    }

    async fn call_directly(&self, call: Call<'_>, blocks: bool) -> Result<Answer, Failed> {
        let (of, kind) = (call.of, call.of.kind());
        let SlotId { place, key } = of;
        let direct = self.harness.direct(place);
        let (load, try_load) = (|| call.load(key), || call.try_load(key));
        let options = || {
            let tags = ["unused".into(), of.tag()];
            EntryOptions::new().ttl(self.harness.ttl_of(kind)).tags(tags)
        };
        let tags = |answer: &Answer| [of.late_tag(answer.number)];
        // Invalidations through other handles may happen between the creation of the handle and the call.
        maybe_yield();
        let expected = self.harness.expectation(of);
        let result = match (kind, blocks) {
            (Kind::Tagged, true) => Ok(direct.get_or_load_with(&key, options, || block_on(load()))),
            (Kind::Tagged, false) => Ok(direct.entry(&key).with(options).or_load_async(load).await),
            (Kind::Late, true) => direct.entry(&key).tags_from(tags).or_try_load(|| block_on(try_load())),
            (Kind::Late, false) => direct.entry(&key).tags_from(tags).or_try_load_async(try_load).await,
            (Kind::Inserted, true) => direct.entry(&key).or_try_load(|| block_on(try_load())),
            (Kind::Inserted, false) => direct.entry(&key).or_try_load_async(try_load).await,
            (Kind::Plain | Kind::Query | Kind::FallibleQuery | Kind::Aged, true) => {
                Ok(direct.get_or_load(&key, || block_on(load())))
            }
            (Kind::Plain | Kind::Query | Kind::FallibleQuery | Kind::Aged, false) => {
                Ok(direct.get_or_load_async(&key, load).await)
            }
        };
        call.end(expected, result)
    }

    pub(super) fn call_boxed(&self, of: SlotId, context: Context) -> Pending<'_> {
        Box::pin(self.call(of, context))
    }

    /// Gets two values at once, now and then of one slot. A blocking worker gets one.
    pub(super) async fn call_two(&self, of: SlotId, context: Context) -> Result<(), Failed> {
        if context.api == Api::Blocking {
            return self.call_boxed(of, context).await.map(drop);
        }
        let other = if self.random.one_in(4) { of } else { self.harness.pick(&self.random) };
        let context = context.branch();
        let (mut first, second) = (self.call_boxed(of, context), other);
        if self.random.one_in(2) {
            let (first, second) = future::zip(first, self.call_boxed(second, context)).await;
            return first.and(second).map(drop);
        }
        let loads = self.tally.loads();
        match future::poll_once(&mut first).await {
            Some(result) => result.map(drop),
            // If it only waits for another load, nobody waits for it: it may be left suspended until a body awaits it.
            None if self.tally.loads() == loads => {
                Box::pin(self.call_after(Some(first), second, context)).await.map(drop)
            }
            None => first.await.map(drop),
        }
    }
}
