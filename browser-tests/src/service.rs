//! The service to test.

use std::{path::PathBuf, sync::Arc};

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
    url: String,
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
        Self::serve(Arc::new(folder), Settings { cache, audit: 1.0, ..Settings::default() }).await
    }

    /// Begins to serve the same file with another cache, as a second process does.
    ///
    /// # Panics
    ///
    /// If that fails.
    pub async fn start_beside(&self, cache: CacheBuilder) -> Self {
        // What was not heard yet is no finding.
        Self::serve(self.folder.clone(), Settings { cache, audit: 0.0, ..Settings::default() }).await
    }

    async fn serve(folder: Arc<TempDir>, settings: Settings) -> Self {
        let app = App::open(&folder.path().join("library.db"), settings).await.expect("the file is a library");
        let server = Server::bind("127.0.0.1", 0, app).await.expect("a port is free");
        let url = format!("http://{}", server.address());
        let serving = tokio::spawn(async {
            server.run(std::future::pending()).await.expect("the socket works");
        });
        Self { url, serving, folder }
    }

    /// The library's file, which another process may change.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("library.db")
    }

    /// The URL of a page, such as `/cache`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
