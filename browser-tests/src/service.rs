//! The service to test.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use cache_core::{Cache, CacheBuilder};
use indicatif::ProgressBar;
use library_demo::{
    CsvFiles, Database,
    http::{App, Server, Settings},
};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// The sample library, served on a free port.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    serving: JoinHandle<()>,
    folder: Arc<TempDir>,
}

impl Service {
    /// Begins to serve.
    ///
    /// # Panics
    ///
    /// If that fails.
    pub async fn start() -> Self {
        Self::start_with(Cache::builder()).await
    }

    /// Begins to serve with a cache.
    ///
    /// # Panics
    ///
    /// If that fails.
    pub async fn start_with(cache: CacheBuilder) -> Self {
        let folder = TempDir::new().expect("there is a folder for temporary files");
        let file = folder.path().join("library.db");
        let library = Database::open(&file).expect("the file is new");
        library.import(&CsvFiles::embedded(), &ProgressBar::hidden()).expect("the sample is valid");
        drop(library);
        Self::serve(Arc::new(folder), 0, Settings { cache, audit: 1.0, ..Settings::default() }).await
    }

    /// Begins to serve the same file with another cache, as a second process does.
    ///
    /// # Panics
    ///
    /// If that fails.
    pub async fn start_beside(&self, cache: CacheBuilder) -> Self {
        // What was not heard yet is no finding.
        Self::serve(self.folder.clone(), 0, Settings { cache, audit: 0.0, ..Settings::default() }).await
    }

    /// Ends: clients are disconnected, and its port is free.
    pub async fn stop(&mut self) {
        self.serving.abort();
        // That it was aborted is no news.
        drop((&mut self.serving).await);
    }

    /// Begins to serve the same file at the same address with an empty cache, after it was [stopped](Self::stop).
    ///
    /// # Panics
    ///
    /// If that fails.
    pub async fn start_again(&mut self) {
        *self = Self::serve(self.folder.clone(), self.address.port(), Settings::default()).await;
    }

    /// On any free port if that is 0.
    async fn serve(folder: Arc<TempDir>, port: u16, settings: Settings) -> Self {
        let app = App::open(&folder.path().join("library.db"), settings).await.expect("the file is a library");
        let server = Server::bind("127.0.0.1", port, app).await.expect("the port is free");
        let address = server.address();
        let serving = tokio::spawn(async {
            server.run(std::future::pending()).await.expect("the socket works");
        });
        Self { address, serving, folder }
    }

    /// The library's file, which another process may change.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("library.db")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a page, such as `/cache`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
