//! What `/cache` shows, and its buttons.

use std::{convert::Infallible, sync::atomic::Ordering, time::Duration};

use axum::{
    http::{StatusCode, header::CONTENT_TYPE},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use serde::Deserialize;
use tokio::sync::watch;

use super::{
    Shared,
    error::ApiError,
    extract::Body,
    live::{self, News},
};

pub(super) async fn snapshot(app: Shared) -> Response {
    let json = app.snapshot().await.json.clone();
    ([(CONTENT_TYPE, "application/json")], json.to_string()).into_response()
}

/// Server-sent events: a snapshot at once, and another whenever something has changed. With a tier, `other_processes` in
/// between.
pub(super) async fn events(app: Shared, stopped: watch::Receiver<bool>) -> Result<Response, ApiError> {
    let Some(viewer) = app.0.clone().view(stopped).await else {
        let error = format!("there are {} viewers already", live::MAX_VIEWERS);
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, error));
    };
    let events = futures_lite::stream::unfold(viewer, |mut viewer| async {
        let event = match viewer.next().await? {
            News::Snapshot(json) => Event::default().event("snapshot").data(&*json),
            News::OtherProcesses(json) => Event::default().event("other_processes").data(json),
        };
        Some((Ok::<_, Infallible>(event), viewer))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response())
}

/// `{"query": ".."}`, `{"tag": ".."}` or `"everything"`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Forget {
    Query(String),
    Tag(String),
    Everything,
}

pub(super) async fn forget(app: Shared, Body(target): Body<Forget>) -> Result<StatusCode, ApiError> {
    let cache = app.cache();
    match target {
        Forget::Query(name) if cache.query_stats().iter().all(|query| query.query != name) => {
            return Err(ApiError::unprocessable(format!("no query {name} has been used")));
        }
        Forget::Query(name) => cache.invalidate([name]),
        Forget::Tag(tag) => cache.invalidate_tags([tag]),
        Forget::Everything => cache.invalidate_all(),
    }
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bypass {
    on: bool,
}

/// While it is on, all reads go to the database.
pub(super) async fn set_bypass(app: Shared, Body(Bypass { on }): Body<Bypass>) -> StatusCode {
    app.bypass.store(on, Ordering::Relaxed);
    StatusCode::NO_CONTENT
}

pub(super) async fn purge(app: Shared) -> StatusCode {
    app.cache().purge();
    StatusCode::NO_CONTENT
}
