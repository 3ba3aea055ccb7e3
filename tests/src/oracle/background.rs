//! A query whose loads run in the background while there is a value to serve.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cache_core::{Cache, HasCache, cached_query};
use futures_lite::future::yield_now;

use super::harness::Harness;
use super::load::{Failed, PlannedPanic};
use super::random::Random;
use super::slot::{Answer, DropBomb, SlotId};
use super::worker::Worker;

/// What a load in the background keeps: it may run after its caller has gone.
pub(super) struct Background {
    harness: Arc<Harness>,
    cache: Cache,
    of: SlotId,
    /// Of the call.
    number: u64,
    random: Random,
}

impl HasCache for Background {
    fn cache(&self) -> &Cache {
        &self.cache
    }
}

/// A body that is running. Unless it ends well, it counts as failed.
struct Body<'a> {
    harness: &'a Harness,
    is_well: bool,
}

impl Drop for Body<'_> {
    fn drop(&mut self) {
        if !self.is_well {
            self.harness.background().errors.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Background {
    #[cached_query(
        name = "in the background",
        ttl = "5ms",
        tags("key:{key}"),
        refresh_ahead = "2ms",
        stale_while_revalidate = "30ms",
        stale_if_error = "30ms",
        retry_after = "3ms",
        background
    )]
    pub(super) async fn query(self: Arc<Self>, key: usize) -> Result<Answer, Failed> {
        let harness = &*self.harness;
        harness.background().loads.fetch_add(1, Ordering::Relaxed);
        let mut body = Body { harness, is_well: false };
        let answer = harness.read(SlotId { key, ..self.of });
        // Long enough for writes meanwhile.
        for _ in 0..self.random.below(4) {
            yield_now().await;
        }
        match self.random.below(256) {
            0..2 => resume_unwind(Box::new(PlannedPanic)),
            _ if harness.is_down() => return Err(Failed { call: self.number }),
            _ => {}
        }
        body.is_well = true;
        Ok(Answer { bomb: DropBomb::armed(), ..answer })
    }
}

impl Worker {
    pub(super) fn background(&self, of: SlotId, number: u64) -> Arc<Background> {
        let (harness, random) = (self.harness.clone(), Random::new(self.random.seed()));
        Arc::new(Background { cache: harness.cache(of.place), harness, of, number, random })
    }
}
