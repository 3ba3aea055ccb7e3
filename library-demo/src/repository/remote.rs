//! A library that a service on HTTP has.

use std::{iter, sync::Arc};

use async_trait::async_trait;
use axum::{
    body::Bytes,
    http::{
        Method, Request, StatusCode, Uri,
        header::CONTENT_TYPE,
        uri::{Authority, Scheme},
    },
};
use form_urlencoded::Serializer;
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::MusicRepository;
use crate::{
    error::DbError,
    model::{NewPurchase, NewTrack, Page, Track, TrackChanges, TrackId, TrackInfo},
};

/// A music library that [`library-demo serve`](crate::http) has, over HTTP.
///
/// ```
/// use library_demo::RemoteRepository;
///
/// let library = RemoteRepository::new("http://127.0.0.1:8080")?;
/// let uncached = library.bypass();
/// # let _ = uncached;
/// assert!(RemoteRepository::new("127.0.0.1").is_err());
/// # Ok::<(), library_demo::DbError>(())
/// ```
#[derive(Clone)]
pub struct RemoteRepository {
    client: Client<HttpConnector, Full<Bytes>>,
    authority: Authority,
    bypass: bool,
}

/// What a service has counted since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteCounts {
    /// Reads that its cache answered.
    pub hits: u64,
    /// Reads that loaded, or waited for a load in flight.
    pub misses: u64,
    /// Loads.
    pub loads: u64,
    /// Statements sent to its database.
    pub database_queries: u64,
    /// Whether all its reads bypass the cache.
    pub is_bypassed: bool,
}

impl RemoteRepository {
    /// The library at a URL such as `http://127.0.0.1:8080`. It connects when it is used.
    ///
    /// # Errors
    ///
    /// If it is no such URL.
    pub fn new(url: &str) -> Result<Self, DbError> {
        let invalid = || DbError::Service(format!("{url} is not a URL such as http://127.0.0.1:8080"));
        let parts = url.parse::<Uri>().map_err(|_| invalid())?.into_parts();
        let is_root = parts.path_and_query.is_none_or(|path| path == "/");
        let (Some(authority), true) = (parts.authority, parts.scheme == Some(Scheme::HTTP) && is_root) else {
            return Err(invalid());
        };
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), authority, bypass: false })
    }

    /// The same library, with reads that bypass its cache.
    #[must_use]
    pub fn bypass(&self) -> Self {
        Self { bypass: true, ..self.clone() }
    }

    /// What the service has counted.
    ///
    /// # Errors
    ///
    /// If the service cannot be reached.
    pub async fn counts(&self) -> Result<RemoteCounts, DbError> {
        #[derive(Deserialize)]
        struct Snapshot {
            bypass: bool,
            database_queries: u64,
            totals: Totals,
        }
        #[derive(Deserialize)]
        struct Totals {
            hits: u64,
            misses: u64,
            loads: u64,
        }
        let Snapshot { bypass, database_queries, totals: Totals { hits, misses, loads } } =
            self.json(Method::GET, "/api/cache", None::<()>).await?;
        Ok(RemoteCounts { hits, misses, loads, database_queries, is_bypassed: bypass })
    }

    /// A page of a list.
    async fn page<T: DeserializeOwned>(&self, list: &str, limit: u32, offset: u32) -> Result<Arc<Page<T>>, DbError> {
        let path = format!("/api/{list}?limit={limit}&offset={offset}&bypass={}", self.bypass);
        Ok(self.json(Method::GET, &path, None::<()>).await?)
    }

    async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<impl Serialize>,
    ) -> Result<T, Failure> {
        let answer = self.send(method, path, body).await?;
        serde_json::from_slice(&answer).map_err(Failure::unexpected)
    }

    async fn send(&self, method: Method, path: &str, body: Option<impl Serialize>) -> Result<Bytes, Failure> {
        let request = Request::builder().method(method).uri(format!("http://{}{path}", self.authority));
        let (request, body) = match body {
            Some(body) => {
                let json = serde_json::to_vec(&body).map_err(Failure::unexpected)?;
                (request.header(CONTENT_TYPE, "application/json"), Bytes::from(json))
            }
            None => (request, Bytes::new()),
        };
        let request = request.body(Full::new(body)).map_err(Failure::unexpected)?;
        let response = self.client.request(request).await.map_err(Failure::unexpected)?;
        let status = response.status();
        let answer = response.into_body().collect().await.map_err(Failure::unexpected)?.to_bytes();
        if status.is_success() { Ok(answer) } else { Err(Failure::of(status, &answer)) }
    }
}

/// An answer that is an error.
struct Failure {
    status: Option<StatusCode>,
    error: String,
}

impl Failure {
    fn unexpected(error: impl std::error::Error) -> Self {
        // The client's own message does not say what its sources do.
        let causes = iter::successors(error.source(), |error| error.source());
        Self { status: None, error: causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}")) }
    }

    fn of(status: StatusCode, answer: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Answer {
            error: String,
        }
        let error = serde_json::from_slice::<Answer>(answer).map(|answer| answer.error);
        Self { status: Some(status), error: error.unwrap_or_else(|_| status.to_string()) }
    }

    fn of_track(self, id: TrackId) -> DbError {
        if self.status == Some(StatusCode::NOT_FOUND) { DbError::UnknownTrack(id) } else { self.into() }
    }
}

impl From<Failure> for DbError {
    fn from(failure: Failure) -> Self {
        Self::Service(failure.error)
    }
}

#[async_trait]
impl MusicRepository for RemoteRepository {
    async fn get_all_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError> {
        self.page("tracks", limit, offset).await
    }

    async fn get_track(&self, id: TrackId) -> Result<Option<Track>, DbError> {
        let path = format!("/api/tracks/{id}?bypass={}", self.bypass);
        match self.json(Method::GET, &path, None::<()>).await {
            Ok(track) => Ok(Some(track)),
            Err(Failure { status: Some(StatusCode::NOT_FOUND), .. }) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn search_tracks(&self, query: &str, limit: u32, offset: u32) -> Result<Arc<Page<TrackInfo>>, DbError> {
        let params = Serializer::new(String::new())
            .append_pair("q", query)
            .append_pair("limit", &limit.to_string())
            .append_pair("offset", &offset.to_string())
            .append_pair("bypass", &self.bypass.to_string())
            .finish();
        Ok(self.json(Method::GET, &format!("/api/search?{params}"), None::<()>).await?)
    }

    async fn get_favorite_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<TrackInfo>>, DbError> {
        self.page("favorites", limit, offset).await
    }

    async fn get_recent_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError> {
        self.page("recent", limit, offset).await
    }

    async fn get_popular_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError> {
        self.page("popular", limit, offset).await
    }

    async fn add_track(&self, new: &NewTrack) -> Result<Track, DbError> {
        self.json(Method::POST, "/api/tracks", Some(new)).await.map_err(|failure| match new.id {
            Some(id) if failure.status == Some(StatusCode::CONFLICT) => DbError::DuplicateTrack(id),
            _ => failure.into(),
        })
    }

    async fn set_track_favorite(&self, id: TrackId, favorite: bool) -> Result<(), DbError> {
        let method = if favorite { Method::PUT } else { Method::DELETE };
        let path = format!("/api/tracks/{id}/favorite");
        self.send(method, &path, None::<()>).await.map_err(|failure| failure.of_track(id))?;
        Ok(())
    }

    async fn record_track_play(&self, id: TrackId) -> Result<Track, DbError> {
        let path = format!("/api/tracks/{id}/play");
        self.json(Method::POST, &path, None::<()>).await.map_err(|failure| failure.of_track(id))
    }

    async fn update_track(&self, id: TrackId, changes: &TrackChanges) -> Result<Track, DbError> {
        let path = format!("/api/tracks/{id}");
        self.json(Method::PATCH, &path, Some(changes)).await.map_err(|failure| failure.of_track(id))
    }

    async fn delete_track(&self, id: TrackId) -> Result<(), DbError> {
        let path = format!("/api/tracks/{id}");
        self.send(Method::DELETE, &path, None::<()>).await.map_err(|failure| failure.of_track(id))?;
        Ok(())
    }

    async fn purchase(&self, new: &NewPurchase) -> Result<Vec<Track>, DbError> {
        #[derive(Deserialize)]
        struct Purchased {
            tracks: Vec<Track>,
        }
        let Purchased { tracks } = self.json(Method::POST, "/api/purchases", Some(new)).await?;
        Ok(tracks)
    }
}
