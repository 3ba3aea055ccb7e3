//! Calls for lists. Their ids are keys of queries, and each is checked as if it had been asked for alone.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use super::load::{Body, Failed};
use super::request::{Call, Request};
use super::slot::{Answer, DropBomb, SlotId};
use super::worker::{Context, Worker};

impl Call<'_> {
    /// May fail or panic.
    pub(super) async fn load_list(&self, keys: &[usize]) -> Result<HashMap<usize, Answer>, Failed> {
        let worker = self.worker;
        let mut body = Body::begin_all(worker, true, keys.len() as u64, &self.has_loaded);
        let slots = || keys.iter().map(|&key| SlotId { key, ..self.of });
        let mut found: HashMap<_, _> = slots().map(|of| (of.key, worker.harness.read(of))).collect();
        worker.delay(self.of, self.context).await;
        if worker.harness.is_down() || worker.random.below(256) < 6 {
            return Err(self.fail(slots()));
        }
        body.end_well();
        for answer in found.values_mut() {
            answer.bomb = DropBomb::armed();
        }
        Ok(found)
    }
}

impl Worker {
    /// Up to four slots of one place, some of them twice.
    pub(super) async fn call_list(&self, near: SlotId, context: Context) -> Result<(), Failed> {
        let in_place = (0..self.harness.scenario.keys).map(|key| SlotId { key, ..near });
        let all: Vec<_> = in_place.filter(|of| of.kind().is_in_lists()).collect();
        let picked = |_| all[self.random.index(all.len()).min(self.random.index(all.len()))];
        let slots: Vec<_> = (0..=self.random.below(3)).map(picked).collect();
        let keys: Vec<_> = slots.iter().map(|of| of.key).collect();
        let mut each_once = slots.clone();
        each_once.sort_unstable_by_key(|of| of.key);
        each_once.dedup();

        let blocks = self.blocks(context);
        let (number, context) = (self.harness.event(), context.body());
        // How many of its ids were found, a call that is dropped cannot know: it does not count as abandoned.
        let (pending, failed, has_loaded) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        let call = Call { worker: self, of: near, number, context, pending, has_loaded, failed, is_answered: true };
        let request = Request { call: &call, cache: self.harness.cache(near.place) };
        // No await between this and the call: a future that is dropped there would be counted but not called.
        self.tally.query_calls.add(each_once.len() as u64);
        let expected: Vec<_> = each_once.into_iter().map(|of| (of, self.harness.list_expectation(of))).collect();
        let result = if blocks { request.list(&keys) } else { request.async_list(&keys).await };
        match result {
            Ok(mut found) => {
                for (of, expected) in expected {
                    if let Some(mut answer) = found.remove(&of.key) {
                        answer.received();
                        self.harness.check(expected.after(&call.failed.lock().unwrap()), &answer);
                    } else {
                        self.harness.add_violation(|| format!("missing: {of:?} in the answer for {keys:?}"));
                    }
                }
                if !found.is_empty() {
                    self.harness.add_violation(|| format!("foreign: {found:?} was answered for {keys:?}"));
                }
                Ok(())
            }
            Err(Failed { call }) => {
                self.harness.check_error(near, call, number);
                Err(Failed { call })
            }
        }
    }
}
