//! How a worker asks.

use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use cache_core::{Cache, EntryOptions, HasCache, cached_query};
use futures_lite::future::{self, block_on};

use super::load::Failed;
use super::slot::{Answer, Kind, SlotId};
use super::stumble::stumble;
use super::worker::{Api, Within, Worker};
use super::world::Asked;

/// A call of a cache's. Dropped without an answer and without having loaded, it was given up while it waited.
pub(super) struct Call<'a> {
    pub(super) worker: &'a Worker,
    pub(super) of: SlotId,
    /// Each call has its own.
    pub(super) number: u64,
    /// Where the body is, if it is run.
    pub(super) within: Within,
    /// What the body is to wait for, which has begun elsewhere.
    pub(super) errand: Mutex<Option<Asking<'a>>>,
    pub(super) has_loaded: AtomicBool,
    is_answered: bool,
}

impl Call<'_> {
    fn end(mut self, asked: Asked, result: Result<Answer, Failed>) -> Result<Answer, Failed> {
        match result {
            Ok(mut answer) => {
                answer.received();
                self.worker.world.judge(asked, &answer);
                self.is_answered = true;
                Ok(answer)
            }
            Err(Failed { call }) => {
                self.worker.world.judge_error(self.of, call, self.number);
                Err(Failed { call })
            }
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.is_answered && !self.has_loaded.load(Ordering::Relaxed) {
            self.worker.tally.given_up.add(1);
        }
    }
}

/// One call's access to the annotated queries of one place.
pub(super) struct Request<'a, 'e> {
    call: &'a Call<'e>,
    cache: Cache,
}

impl HasCache for Request<'_, '_> {
    fn cache(&self) -> &Cache {
        &self.cache
    }
}

impl Request<'_, '_> {
    #[cached_query(tags("key:{key}"))]
    pub(super) fn query(&self, key: usize) -> Answer {
        block_on(self.call.load(key))
    }

    #[cached_query(name = "fallible", tags("key:{key}"))]
    pub(super) fn fallible_query(&self, key: usize) -> Result<Answer, Failed> {
        block_on(self.call.try_load(key))
    }

    #[cached_query(tags("key:{key}"))]
    pub(super) async fn async_query(&self, key: usize) -> Answer {
        self.call.load(key).await
    }

    #[cached_query(name = "fallible async", tags_from = |answer| [format!("key:{}", answer.of.key)])]
    pub(super) async fn fallible_async_query(&self, key: usize) -> Result<Answer, Failed> {
        self.call.try_load(key).await
    }
}

/// The names of the queries.
pub(super) const QUERIES: [&str; 4] = ["query", "fallible", "async_query", "fallible async"];

/// What is asked for in the middle of a body is boxed, as it may itself have a body.
pub(super) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A call that has been set up or has begun.
pub(super) type Asking<'a> = Boxed<'a, Result<Answer, Failed>>;

impl Worker {
    /// Asks for a value, which is loaded if it is not in the cache.
    pub(super) async fn ask(&self, of: SlotId, within: Within) -> Result<Answer, Failed> {
        self.ask_on(None, of, within).await
    }

    async fn ask_on<'a>(&'a self, errand: Option<Asking<'a>>, of: SlotId, within: Within) -> Result<Answer, Failed> {
        let is_to_block = self.is_to_block(within);
        let (within, errand, has_loaded) = (within.body(), Mutex::new(errand), AtomicBool::new(false));
        let number = self.world.event();
        let call = Call { worker: self, of, number, within, errand, has_loaded, is_answered: false };
        // Nothing may be awaited between this and the call.
        if of.kind().is_query() {
            self.tally.query_calls.add(1);
            self.ask_query(call, is_to_block).await
        } else {
            self.tally.hand_calls.add(1);
            self.ask_by_hand(call, is_to_block).await
        }
    }

    async fn ask_query(&self, call: Call<'_>, is_to_block: bool) -> Result<Answer, Failed> {
        let SlotId { place, key } = call.of;
        let request = Request { call: &call, cache: self.world.cache(place) };
        stumble();
        let asked = self.world.asks(call.of);
        let result = match (call.of.kind(), is_to_block) {
            (Kind::Query, true) => Ok(request.query(key)),
            (Kind::Query, false) => Ok(request.async_query(key).await),
            (_, true) => request.fallible_query(key),
            (_, false) => request.fallible_async_query(key).await,
        };
        call.end(asked, result)
    }

    async fn ask_by_hand(&self, call: Call<'_>, is_to_block: bool) -> Result<Answer, Failed> {
        let (of, kind) = (call.of, call.of.kind());
        let SlotId { place, key } = of;
        let hand = self.world.hand(place);
        let (load, try_load) = (|| call.load(key), || call.try_load(key));
        let options = || {
            let tags = ["of no interest".into(), of.tag()];
            EntryOptions::new().ttl(self.world.ttl_of(kind)).tags(tags)
        };
        let tags = |answer: &Answer| [of.late_tag(answer.number)];
        // The handle may be older than what was invalidated through another.
        stumble();
        let asked = self.world.asks(of);
        let result = match (kind, is_to_block) {
            (Kind::Tagged, true) => Ok(hand.get_or_load_with(&key, options, || block_on(load()))),
            (Kind::Tagged, false) => Ok(hand.entry(&key).with(options).or_load_async(load).await),
            (Kind::Late, true) => hand.entry(&key).tags_from(tags).or_try_load(|| block_on(try_load())),
            (Kind::Late, false) => hand.entry(&key).tags_from(tags).or_try_load_async(try_load).await,
            (Kind::Inserted, true) => hand.entry(&key).or_try_load(|| block_on(try_load())),
            (Kind::Inserted, false) => hand.entry(&key).or_try_load_async(try_load).await,
            (Kind::Plain | Kind::Query | Kind::FallibleQuery, true) => Ok(hand.get_or_load(&key, || block_on(load()))),
            (Kind::Plain | Kind::Query | Kind::FallibleQuery, false) => Ok(hand.get_or_load_async(&key, load).await),
        };
        call.end(asked, result)
    }

    pub(super) fn ask_boxed(&self, of: SlotId, within: Within) -> Asking<'_> {
        Box::pin(self.ask(of, within))
    }

    /// Asks for two values, and now and then twice for one. Where nothing is ever pending it is for one.
    pub(super) async fn ask_two(&self, of: SlotId, within: Within) -> Result<(), Failed> {
        if within.api == Api::Blocking {
            return self.ask_boxed(of, within).await.map(drop);
        }
        let other = if self.dice.one_in(4) { of } else { self.world.pick(&self.dice) };
        let within = within.branch();
        let (mut first, second) = (self.ask_boxed(of, within), other);
        if self.dice.one_in(2) {
            let (first, second) = future::zip(first, self.ask_boxed(second, within)).await;
            return first.and(second).map(drop);
        }
        let loads = self.tally.loads();
        match future::poll_once(&mut first).await {
            Some(result) => result.map(drop),
            // Where it only waits, nobody waits for it: it may be left alone until a body goes on with it.
            None if self.tally.loads() == loads => Box::pin(self.ask_on(Some(first), second, within)).await.map(drop),
            None => first.await.map(drop),
        }
    }
}
