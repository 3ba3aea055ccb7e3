//! The library as a service: a JSON API under `/api`, a page to use it, and `/cache`, a page that shows what the cache does.
//!
//! | path | |
//! |---|---|
//! | `/` and `/cache` | the pages |
//! | `/api/tracks`, `/api/tracks/{id}`, `/api/search`, `/api/favorites`, `/api/recent`, `/api/popular` | reads |
//! | `/api/tracks`, `/api/tracks/{id}`, `/api/tracks/{id}/play`, `/api/tracks/{id}/favorite`, `/api/purchases` | writes |
//! | `/cache/events`, `/api/cache`, `/api/cache/forget`, `/api/cache/bypass`, `/api/cache/purge` | the cache, for its page |
//! | `/api/cache/graph` | which mutation forgets which query |
//! | `/metrics` | the same for Prometheus |
//!
//! Pages of other origins can neither read nor change anything.
//!
//! ```
//! use library_demo::http::{App, Server, Settings};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::TempDir::new()?;
//! # let file = folder.path().join("library.db");
//! let app = App::open(&file, Settings::default()).await?;
//! let server = Server::bind("127.0.0.1", 0, app).await?;
//! println!("listening on http://{}", server.address());
//!
//! let stop = async {}; // think of a signal
//! server.run(stop).await?;
//! # Ok(())
//! # }
//! ```

mod age;
mod api;
mod cache_api;
mod error;
mod extract;
mod findings;
mod graph;
mod last_misses;
mod live;
mod metrics;
mod origin;
mod other_processes;
mod pages;
mod recent;
mod snapshot;

use std::{
    io,
    net::SocketAddr,
    path::Path,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post, put},
    serve::ListenerExt,
};
use cache_core::{Audit, Cache, CacheBuilder, HasCache};
use tokio::{net::TcpListener, sync::watch, time::timeout};

use self::{findings::Findings, last_misses::LastMisses, live::Live, metrics::Metrics, origin::Hosts};
use crate::{
    error::DbError,
    repository::{MusicRepository, Outage, SqliteRepository},
};

/// How to serve a library.
pub struct Settings {
    /// Its cache, which the service observes and audits.
    pub cache: CacheBuilder,
    /// The share of hits that are audited, from 0 to 1.
    pub audit: f64,
    /// A switch that makes the database fail.
    pub outage: Option<Arc<Outage>>,
}

impl Default for Settings {
    /// One hit of 100 is audited.
    fn default() -> Self {
        Self { cache: Cache::builder(), audit: 0.01, outage: None }
    }
}

/// A library to serve.
pub struct App {
    library: SqliteRepository,
    /// The same file, through a handle that bypasses the cache.
    uncached: SqliteRepository,
    bypass: AtomicBool,
    last_misses: LastMisses,
    findings: Findings,
    live: Live,
    metrics: Metrics,
}

impl App {
    /// Opens the library in a file.
    ///
    /// # Errors
    ///
    /// If the file holds something else, or cannot be opened.
    pub async fn open(path: &Path, settings: Settings) -> Result<Self, DbError> {
        let Settings { cache, audit, outage } = settings;
        let (last_misses, findings, metrics) = (LastMisses::default(), Findings::default(), Metrics::default());
        let found = findings.clone();
        let audit = Audit::sample(audit).on_finding(move |finding| found.record(finding));
        let cache = cache.observer(last_misses.clone()).observer(metrics.clone()).audit(audit).build();
        let outage = outage.unwrap_or_else(|| Arc::new(Outage::new(Duration::ZERO)));
        Ok(Self {
            library: SqliteRepository::open_with_outage(path, cache.clone(), outage.clone()).await?,
            uncached: SqliteRepository::open_with_outage(path, cache.bypass(), outage).await?,
            bypass: AtomicBool::new(false),
            last_misses,
            findings,
            live: Live::default(),
            metrics,
        })
    }

    /// For reads. Writes go through `library`, which forgets what they change.
    fn reads(&self, bypass: bool) -> &dyn MusicRepository {
        if bypass || self.is_bypassed() { &self.uncached } else { &self.library }
    }

    fn cache(&self) -> &Cache {
        self.library.cache()
    }

    fn is_bypassed(&self) -> bool {
        self.bypass.load(Ordering::Relaxed)
    }

    fn database_queries(&self) -> u64 {
        self.library.queries() + self.uncached.queries()
    }
}

/// What a handler gets.
type Shared = axum::extract::State<Arc<App>>;

/// The most bytes in the body of a request.
const BODY_LIMIT: usize = 64 << 10;

/// How long connections may take to end after the service was told to.
const GRACE: Duration = Duration::from_secs(3);

/// A service that listens.
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
    address: SocketAddr,
    hosts: Hosts,
}

impl Server {
    /// Listens on an address or a name, and on any free port if that is 0.
    ///
    /// # Errors
    ///
    /// If the address is not one of this machine, or the port is in use.
    pub async fn bind(host: &str, port: u16, app: App) -> io::Result<Self> {
        let listener = TcpListener::bind((host, port)).await?;
        let address = listener.local_addr()?;
        Ok(Self { app: Arc::new(app), listener, address, hosts: Hosts::new(address.ip(), host) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready, then ends the events, and waits a little for requests in flight.
    ///
    /// # Errors
    ///
    /// If the socket fails.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> io::Result<()> {
        let Self { app, listener, hosts, .. } = self;
        let (stopping, stopped) = watch::channel(false);
        let is_stopped = |mut stopped: watch::Receiver<bool>| async move {
            // An error means that this function has returned.
            drop(stopped.wait_for(|stopped| *stopped).await);
        };
        // Events are small, and must not wait for more.
        let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
        let mut serving = pin!(
            axum::serve(listener, router(app.clone(), hosts, stopped.clone()))
                .with_graceful_shutdown(is_stopped(stopped))
                .into_future()
        );
        tokio::select! {
            result = &mut serving => return result,
            () = app.publish() => {}
            () = app.metrics.keep_up() => {}
            () = stop => {}
        }
        stopping.send_replace(true);
        // Neither a client that reads nothing nor a statement that does not end must keep the service.
        let result = timeout(GRACE, serving).await.unwrap_or(Ok(()));
        let close = async { tokio::join!(app.library.close(), app.uncached.close()) };
        drop(timeout(GRACE, close).await);
        result
    }
}

fn router(app: Arc<App>, hosts: Hosts, stopped: watch::Receiver<bool>) -> Router {
    let api = Router::new()
        .route("/tracks", get(api::all_tracks).post(api::add_track))
        .route("/tracks/{id}", get(api::track).patch(api::update_track).delete(api::delete_track))
        .route("/tracks/{id}/play", post(api::play))
        .route("/tracks/{id}/favorite", put(api::set_favorite).delete(api::unset_favorite))
        .route("/search", get(api::search))
        .route("/favorites", get(api::favorites))
        .route("/recent", get(api::recent))
        .route("/popular", get(api::popular))
        .route("/purchases", post(api::purchase))
        .route("/cache", get(cache_api::snapshot))
        .route("/cache/graph", get(graph::graph))
        .route("/cache/forget", post(cache_api::forget))
        .route("/cache/bypass", put(cache_api::set_bypass))
        .route("/cache/purge", post(cache_api::purge));
    Router::new()
        .nest("/api", api)
        .route("/cache/events", get(move |app: Shared| cache_api::events(app, stopped.clone())))
        .route("/metrics", get(metrics::metrics))
        .merge(pages::router())
        .fallback(error::unknown_path)
        .method_not_allowed_fallback(error::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(Arc::new(hosts), origin::check))
        .layer(middleware::map_response(pages::add_headers))
        .with_state(app)
}
