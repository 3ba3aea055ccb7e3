//! A call that missed, up to what it returns: the body is run, or the value of another's taken.

use std::marker::PhantomData;
use std::panic::UnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::flight::context::Running;
use crate::flight::promise::SharedError;
use crate::load::attempt::{Attempt, Load, Step, Waited};
use crate::load::outcome::Outcome;
use crate::tag::Tag;

/// A call that missed: all that is needed to wait, to load and to store.
///
/// What needs bounds on the types is in it as functions: a type that can't be cached is then one error where this
/// is made, and none where it is used.
pub struct Missed<K, V, O> {
    step: Step<K, V>,
    waiting: Waiting<K, V>,
    ends: Ends<K, V>,
    outcome: PhantomData<fn() -> O>,
}

/// How a task waits, and how it goes on after an error that it could not share.
struct Waiting<K, V> {
    wait: fn(Step<K, V>) -> Wait<K, V>,
    alone: Alone<K, V>,
}

/// Finds a value, or what is to be done for one without waiting.
type Alone<K, V> = fn(Box<Attempt<K, V>>) -> Result<V, Step<K, V>>;

/// How a load ends.
struct Ends<K, V> {
    finish: fn(Load<K, V>, &V, Judge<'_, V>),
    fail: fn(Load<K, V>, &mut dyn FnMut() -> Option<SharedError>),
}

/// Boxed: rare, and it would enlarge every future.
type Wait<K, V> = Pin<Box<dyn Future<Output = Waited<K, V>> + Send + Sync>>;

/// Says of a value whether it is to be stored, and with what tags beside those that were known before.
type Judge<'a, V> = &'a mut dyn FnMut(&V) -> Option<Vec<Tag>>;

impl<K: Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static, O> Missed<K, V, O> {
    pub(crate) fn new(step: Step<K, V>) -> Self {
        let waiting = Waiting { wait: |step| Box::pin(step.wait()), alone: |attempt| attempt.step_alone() };
        Self { step, waiting, ends: Ends::new(), outcome: PhantomData }
    }
}

impl<K, V, O: Outcome<Value = V>> Missed<K, V, O> {
    /// Runs the body, which is a future, stores a copy of what it made, and returns it.
    pub fn load_async<F: Future<Output = O::Returned>>(
        self,
        body: F,
    ) -> Loading<K, V, O, F, impl FnOnce(&V) -> Option<Vec<Tag>>> {
        self.load_judged_async(body, keep_all)
    }

    /// The same, but a copy is stored only with a judgement: the tags that it has beside those known before.
    pub fn load_judged_async<F: Future<Output = O::Returned>, J: FnOnce(&V) -> Option<Vec<Tag>>>(
        self,
        body: F,
        judge: J,
    ) -> Loading<K, V, O, F, J> {
        let Self { step, waiting, ends, outcome } = self;
        let stage = Stage::of(step, &waiting);
        Loading { stage, waiting, ends, judge: Some(judge), body: Some(body), outcome }
    }
}

/// Judges that every value is stored, without tags of its own.
#[expect(clippy::unnecessary_wraps, reason = "others judge otherwise")]
fn keep_all<V>(_: &V) -> Option<Vec<Tag>> {
    Some(Vec::new())
}

/// A load whose body runs next. Dropped before that is over, as by a panic, it has failed.
///
/// Of the body no more than a call is compiled for each function: the rest is the same for all that return the same.
pub struct Begun<K, V, O> {
    /// Over before the load is.
    running: Running,
    load: Load<K, V>,
    ends: Ends<K, V>,
    outcome: PhantomData<fn() -> O>,
}

impl<K: Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static, O: Outcome<Value = V>> Begun<K, V, O> {
    /// Waits for the load of another, if that is to be done, or begins one.
    pub(crate) fn when_due(mut step: Step<K, V>) -> Result<O::Returned, Self> {
        loop {
            match step.block() {
                Waited::Value(value) => return Ok(O::hit(value)),
                Waited::Failed(error, attempt) => match O::shared_error(&error) {
                    Some(error) => {
                        attempt.discard();
                        return Ok(error);
                    }
                    None => match attempt.step_alone() {
                        Ok(value) => return Ok(O::hit(value)),
                        Err(alone) => step = alone,
                    },
                },
                Waited::Lead(load) => {
                    load.count();
                    return Err(Self { running: load.enter(), load, ends: Ends::new(), outcome: PhantomData });
                }
            }
        }
    }
}

impl<K, V, O: Outcome<Value = V>> Begun<K, V, O> {
    /// Runs the body, stores a copy of what it made, and returns it.
    pub fn load(self, body: impl FnOnce() -> O::Returned) -> O::Returned {
        let result = body();
        self.end(result, &mut keep_all)
    }

    /// The same, but a copy is stored only with a judgement: the tags that it has beside those known before.
    pub fn load_judged(
        self,
        body: impl FnOnce() -> O::Returned,
        judge: impl FnOnce(&V) -> Option<Vec<Tag>>,
    ) -> O::Returned {
        let (result, mut judge) = (body(), Some(judge));
        self.end(result, &mut |value| judge.take()?(value))
    }

    #[inline(never)]
    fn end(self, result: O::Returned, judge: Judge<'_, V>) -> O::Returned {
        drop(self.running);
        self.ends.end::<O>(self.load, &result, judge);
        result
    }
}

impl<K: Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Ends<K, V> {
    fn new() -> Self {
        Self { finish: |load, value, judge| load.finish(value, judge), fail: |load, error| load.fail(error) }
    }
}

impl<K, V> Ends<K, V> {
    /// Ends a load with what its body returned.
    #[inline(never)]
    fn end<O: Outcome<Value = V>>(&self, load: Load<K, V>, result: &O::Returned, judge: Judge<'_, V>) {
        match O::value(result) {
            Some(value) => (self.finish)(load, value, judge),
            None => (self.fail)(load, &mut || O::share_error(result)),
        }
    }
}

pin_project! {
    /// A call that missed, as a future.
    ///
    /// Dropped half-done it leaves no trace: if it was loading, one of those who wait loads next.
    #[must_use = "it does nothing until it is polled"]
    pub struct Loading<K, V, O, F, J> {
        stage: Stage<K, V>,
        waiting: Waiting<K, V>,
        ends: Ends<K, V>,
        judge: Option<J>,
        #[pin]
        body: Option<F>,
        outcome: PhantomData<fn() -> O>,
    }

    impl<K, V, O, F, J> PinnedDrop for Loading<K, V, O, F, J> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // What a body held that is dropped half-done may still use the cache, and must not wait for itself.
            match this.stage {
                Stage::Load(load) => load.within(|| this.body.set(None)),
                Stage::Wait(_) | Stage::Over => this.body.set(None),
            }
        }
    }
}

// Like the cache itself: a panic in the body leaves nothing broken but the body.
impl<K, V, O, F: UnwindSafe, J: UnwindSafe> UnwindSafe for Loading<K, V, O, F, J> {}

enum Stage<K, V> {
    Wait(Wait<K, V>),
    Load(Load<K, V>),
    Over,
}

impl<K, V> Stage<K, V> {
    fn of(step: Step<K, V>, waiting: &Waiting<K, V>) -> Self {
        match step {
            Step::Lead(load) => Self::load(load),
            step @ Step::Follow(_) => Self::Wait((waiting.wait)(step)),
        }
    }

    fn load(load: Load<K, V>) -> Self {
        load.count();
        Self::Load(load)
    }
}

impl<K, V, O, F, J> Future for Loading<K, V, O, F, J>
where
    O: Outcome<Value = V>,
    F: Future<Output = O::Returned>,
    J: FnOnce(&V) -> Option<Vec<Tag>>,
{
    type Output = O::Returned;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O::Returned> {
        let mut this = self.project();
        while let Stage::Wait(wait) = this.stage {
            let waited = ready!(wait.as_mut().poll(cx));
            *this.stage = Stage::Over;
            *this.stage = match waited {
                Waited::Value(value) => return Poll::Ready(O::hit(value)),
                Waited::Lead(load) => Stage::load(load),
                Waited::Failed(error, attempt) => match O::shared_error(&error) {
                    Some(error) => {
                        attempt.discard();
                        return Poll::Ready(error);
                    }
                    None => match (this.waiting.alone)(attempt) {
                        Ok(value) => return Poll::Ready(O::hit(value)),
                        Err(step) => Stage::of(step, this.waiting),
                    },
                },
            };
        }
        let (Stage::Load(load), Some(body)) = (&*this.stage, this.body.as_mut().as_pin_mut()) else {
            panic!("a future is not polled after it was ready");
        };
        let result = ready!(load.within(|| body.poll(cx)));
        if let (Stage::Load(load), Some(judge)) = (std::mem::replace(this.stage, Stage::Over), this.judge.take()) {
            let mut judge = Some(judge);
            this.ends.end::<O>(load, &result, &mut |value| judge.take()?(value));
        }
        Poll::Ready(result)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use crate::TaggedCache;

    use super::*;

    type Numbers = TaggedCache<u32, u32>;

    /// Asks for the key whose load it is part of.
    struct Asks<'a>(&'a Numbers, u32);

    impl Asks<'_> {
        fn ask(&self) {
            assert_eq!(self.0.get_or_load(&self.1, || 7), 7);
        }
    }

    impl Drop for Asks<'_> {
        fn drop(&mut self) {
            self.ask();
        }
    }

    #[test]
    fn p6_a_body_does_not_wait_for_itself_while_it_is_polled_or_dropped() {
        let (cache, mut cx) = (Numbers::new(), Context::from_waker(Waker::noop()));
        let mut load = Box::pin(cache.get_or_load_async(&1, async || {
            let asks = Asks(&cache, 1);
            asks.ask();
            std::future::pending::<u32>().await
        }));
        assert!(load.as_mut().poll(&mut cx).is_pending());
        drop(load);
        assert_eq!((cache.stats().loads, cache.stats().load_errors), (3, 1));
        assert_eq!(cache.get(&1), None, "what is part of a load is not stored");
    }
}
