//! Loads that no caller waits for, on the runtime of the cache.
//!
//! Only where there is a value to serve: without one, or without a runtime, the load is that of
//! [`Miss::load`] or [`Miss::load_async`], and its caller waits.

use std::pin::pin;

use crate::entry::discard_value;
use crate::flight::wait_graph::Wait;
use crate::load::aged::{Standby, Timer};
use crate::load::handoff::handoff;
use crate::load::judge::Judge;
use crate::load::leader::Leader;
use crate::load::miss::{EndFns, FollowFns, Loading, Miss, StepFns, follow, lead, run};
use crate::load::outcome::Outcome;

impl<K, V, O, J> Miss<K, V, O, J>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    O: Outcome<Value = V> + 'static,
    J: Judge<V> + Send + 'static,
{
    /// Like [`load`](Self::load). If there is a value to serve meanwhile, the load runs in the background.
    pub fn load_in_background(self, body: impl FnOnce() -> O::Returned + Send + 'static) -> O::Returned {
        let Self { request, options, steps, judge, .. } = self;
        let (mut load, end) = match lead::<K, V, O>(request, options, steps) {
            Ok(returned) => return returned,
            Err(leads) => leads,
        };
        let Some(value) = serve_at_once(&load, &end) else { return run::<K, V, O, J>((load, end), judge, body) };
        load.leave_to_background();
        let (engine, query) = (load.engine.clone(), load.store.query.clone());
        engine.background.spawn_blocking(move || {
            discard_value(&query.counters, run::<K, V, O, J>((load, end), judge, body));
        });
        O::hit(value)
    }

    /// Like [`load_async`](Self::load_async). If there is a value to serve meanwhile, the load runs in the background.
    pub async fn load_in_background_async<F>(self, body: F) -> O::Returned
    where
        F: Future<Output = O::Returned> + Send + 'static,
        O::Returned: Send + 'static,
    {
        let Self { request, options, steps: StepFns { claim, follow: fns, end, .. }, judge, .. } = self;
        let mut load = match follow::<K, V, O>(claim(request, options), &fns).await {
            Ok(returned) => return returned,
            Err(load) => load,
        };
        if let Some(timer) = load.soft_timeout() {
            return load_until::<K, V, O, F, J>(timer, load, fns, end, judge, body).await;
        }
        let Some(value) = serve_at_once(&load, &end) else {
            return Loading::<K, V, O, F, J>::begin(load, fns, end, judge, body).await;
        };
        load.leave_to_background();
        let (engine, query) = (load.engine.clone(), load.store.query.clone());
        let loading = Loading::<K, V, O, F, J>::begin(load, fns, end, judge, body);
        engine.background.spawn(async move { discard_value(&query.counters, loading.await) });
        O::hit(value)
    }
}

fn serve_at_once<K, V>(load: &Leader<K, V>, end: &EndFns<K, V>) -> Option<V> {
    let standby = load.standby().filter(Standby::is_served_at_once)?;
    (end.serve)(&standby)
}

/// Waits for a load in the background, but not for long if the value there may be served.
async fn load_until<K, V, O, F, J>(
    mut timer: Timer,
    mut load: Leader<K, V>,
    fns: FollowFns<K, V>,
    end: EndFns<K, V>,
    judge: J,
    body: F,
) -> O::Returned
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    O: Outcome<Value = V> + 'static,
    O::Returned: Send + 'static,
    F: Future<Output = O::Returned> + Send + 'static,
    J: Judge<V> + Send + 'static,
{
    let (standby, serve) = (load.standby(), end.serve);
    let serve = || serve(standby.as_ref()?);
    // Before the load begins: if its body asks for a load that this caller is part of, it does not wait for that.
    let _wait = Wait::begin(load.context.id);
    load.leave_to_background();
    let (engine, query) = (load.engine.clone(), load.store.query.clone());
    let (sender, mut receiver) = handoff(query.clone());
    let loading = Loading::<K, V, O, F, J>::begin(load, fns, end, judge, body);
    engine.background.spawn(async move { sender.send(loading.await) });
    let mut receive = pin!(receiver.receive());
    let result = match timer.in_time(|cx| receive.as_mut().poll(cx)).await {
        Some(result) => result,
        None => match serve() {
            Some(value) => return O::hit(value),
            // It was invalidated meanwhile.
            None => receive.await,
        },
    };
    match result {
        Some(result) if O::value(&result).is_some() => result,
        Some(failed) => match serve() {
            Some(value) => {
                discard_value(&query.counters, failed);
                O::hit(value)
            }
            None => failed,
        },
        None => O::hit(serve().expect("the runtime has dropped this load, or its body has panicked")),
    }
}
