//! The API of the library.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header::LOCATION},
};
use serde::{Deserialize, Serialize};

use super::{
    App, Shared,
    error::ApiError,
    extract::{Body, InPath, Params},
};
use crate::{
    error::DbError,
    model::{NewPurchase, NewTrack, Page, Track, TrackChanges, TrackId, TrackInfo},
    repository::MusicRepository,
    serve::run_to_completion,
};

const MAX_LIMIT: u32 = 100;
const MAX_OFFSET: u32 = 1_000_000;
/// In characters, of a text to search for or of a field.
const MAX_TEXT: usize = 200;
/// So that there is always an id above it for the next track.
const MAX_ID: u32 = 1_000_000_000;
const MAX_PURCHASE: usize = 100;

type Answer<T> = Result<Json<T>, ApiError>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageParams {
    #[serde(default = "default_limit")]
    limit: u32,
    #[serde(default)]
    offset: u32,
    /// Whether this read goes to the database.
    #[serde(default)]
    bypass: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchParams {
    q: String,
    #[serde(default = "default_limit")]
    limit: u32,
    #[serde(default)]
    offset: u32,
    #[serde(default)]
    bypass: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrackParams {
    #[serde(default)]
    bypass: bool,
}

fn default_limit() -> u32 {
    20
}

fn check_page(limit: u32, offset: u32) -> Result<(), ApiError> {
    if limit == 0 || limit > MAX_LIMIT {
        return Err(ApiError::bad_request(format!("limit is from 1 to {MAX_LIMIT}, not {limit}")));
    }
    if offset > MAX_OFFSET {
        return Err(ApiError::bad_request(format!("offset is at most {MAX_OFFSET}, not {offset}")));
    }
    Ok(())
}

pub(super) async fn all_tracks(app: Shared, Params(page): Params<PageParams>) -> Answer<Arc<Page<Track>>> {
    check_page(page.limit, page.offset)?;
    Ok(Json(app.reads(page.bypass).get_all_tracks(page.limit, page.offset).await?))
}

pub(super) async fn search(app: Shared, Params(page): Params<SearchParams>) -> Answer<Arc<Page<TrackInfo>>> {
    check_page(page.limit, page.offset)?;
    if page.q.is_empty() || page.q.chars().count() > MAX_TEXT {
        return Err(ApiError::bad_request(format!("q is a text of 1 to {MAX_TEXT} characters")));
    }
    Ok(Json(app.reads(page.bypass).search_tracks(&page.q, page.limit, page.offset).await?))
}

pub(super) async fn favorites(app: Shared, Params(page): Params<PageParams>) -> Answer<Arc<Page<TrackInfo>>> {
    check_page(page.limit, page.offset)?;
    Ok(Json(app.reads(page.bypass).get_favorite_tracks(page.limit, page.offset).await?))
}

pub(super) async fn recent(app: Shared, Params(page): Params<PageParams>) -> Answer<Arc<Page<Track>>> {
    check_page(page.limit, page.offset)?;
    Ok(Json(app.reads(page.bypass).get_recent_tracks(page.limit, page.offset).await?))
}

pub(super) async fn popular(app: Shared, Params(page): Params<PageParams>) -> Answer<Arc<Page<Track>>> {
    check_page(page.limit, page.offset)?;
    Ok(Json(app.reads(page.bypass).get_popular_tracks(page.limit, page.offset).await?))
}

pub(super) async fn track(
    app: Shared,
    InPath(id): InPath<TrackId>,
    Params(params): Params<TrackParams>,
) -> Answer<Track> {
    let track = app.reads(params.bypass).get_track(id).await?;
    Ok(Json(track.ok_or(DbError::UnknownTrack(id))?))
}

/// Writes also when the client has gone: see [`run_to_completion`].
async fn write<T: Send + 'static, F>(State(app): Shared, write: impl FnOnce(Arc<App>) -> F) -> Result<T, DbError>
where
    F: Future<Output = Result<T, DbError>> + Send + 'static,
{
    run_to_completion(write(app)).await
}

/// A new thing, and where it is.
type Created<T> = (StatusCode, [(HeaderName, String); 1], Json<T>);

pub(super) async fn add_track(app: Shared, Body(new): Body<NewTrack>) -> Result<Created<Track>, ApiError> {
    if new.id.is_some_and(|id| id.0 > MAX_ID) {
        return Err(ApiError::unprocessable(format!("an id is at most {MAX_ID}")));
    }
    let fields = [
        ("title", &new.title),
        ("artist", &new.artist),
        ("album", &new.album),
        ("genre", &new.genre),
        ("media_type", &new.media_type),
        ("composer", &new.composer),
    ];
    check_fields(fields)?;
    let added = write(app, |app| async move { app.library.add_track(&new).await }).await?;
    Ok((StatusCode::CREATED, [(LOCATION, format!("/api/tracks/{}", added.info.id))], Json(added)))
}

pub(super) async fn update_track(
    app: Shared,
    InPath(id): InPath<TrackId>,
    Body(changes): Body<TrackChanges>,
) -> Answer<Track> {
    let TrackChanges { title, artist, album, genre, composer } = &changes;
    let fields = [("title", title), ("artist", artist), ("album", album), ("genre", genre), ("composer", composer)];
    check_fields(fields.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?))))?;
    Ok(Json(write(app, move |app| async move { app.library.update_track(id, &changes).await }).await?))
}

fn check_fields<'a>(fields: impl IntoIterator<Item = (&'a str, &'a String)>) -> Result<(), ApiError> {
    for (name, text) in fields {
        if name == "title" && text.trim().is_empty() {
            return Err(ApiError::unprocessable("a track has a title"));
        }
        if text.chars().count() > MAX_TEXT {
            return Err(ApiError::unprocessable(format!("{name} has at most {MAX_TEXT} characters")));
        }
    }
    Ok(())
}

pub(super) async fn delete_track(app: Shared, InPath(id): InPath<TrackId>) -> Result<StatusCode, ApiError> {
    write(app, move |app| async move { app.library.delete_track(id).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn play(app: Shared, InPath(id): InPath<TrackId>) -> Answer<Track> {
    Ok(Json(write(app, move |app| async move { app.library.record_track_play(id).await }).await?))
}

pub(super) async fn set_favorite(app: Shared, InPath(id): InPath<TrackId>) -> Result<StatusCode, ApiError> {
    write(app, move |app| async move { app.library.set_track_favorite(id, true).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn unset_favorite(app: Shared, InPath(id): InPath<TrackId>) -> Result<StatusCode, ApiError> {
    write(app, move |app| async move { app.library.set_track_favorite(id, false).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
pub(super) struct Purchased {
    tracks: Vec<Track>,
}

/// The one write of several mutations, which is a transaction.
pub(super) async fn purchase(
    app: Shared,
    Body(new): Body<NewPurchase>,
) -> Result<(StatusCode, Json<Purchased>), ApiError> {
    if new.tracks.is_empty() || new.tracks.len() > MAX_PURCHASE {
        return Err(ApiError::unprocessable(format!("a purchase has 1 to {MAX_PURCHASE} tracks")));
    }
    if !app.library.is_date(&new.invoice_date).await? {
        return Err(ApiError::unprocessable("invoice_date is a day of the calendar, such as 2026-11-30"));
    }
    let bought = write(app, |app| async move { app.library.purchase(&new).await }).await;
    let tracks = bought.map_err(ApiError::of_body)?;
    Ok((StatusCode::CREATED, Json(Purchased { tracks })))
}
