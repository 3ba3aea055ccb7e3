//! A service on a free port, and an HTTP client.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, Request, StatusCode, header::CONTENT_TYPE},
};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use library_demo::{
    Database, NewTrack, TrackId,
    http::{App, Server, Settings},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

/// Longer than anything takes, so that a test that waits in vain ends.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
    folder: Arc<TempDir>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl TestServer {
    /// With these titles of tracks by *Accept*, whose ids count from 1.
    pub(crate) async fn start(titles: &[&str]) -> Self {
        Self::start_with(titles, Settings::default()).await
    }

    pub(crate) async fn start_with(titles: &[&str], settings: Settings) -> Self {
        let folder = TempDir::new().unwrap();
        let library = Database::open(folder.path().join("library.db")).unwrap();
        for (id, title) in (1..).zip(titles) {
            let (title, artist) = ((*title).to_owned(), "Accept".to_owned());
            library.add_track(&NewTrack { id: Some(TrackId(id)), title, artist, ..NewTrack::default() }).unwrap();
        }
        drop(library);
        Self::serve(folder, settings).await
    }

    /// Another service on the same file.
    pub(crate) async fn start_beside(&self, settings: Settings) -> Self {
        Self::serve(self.folder.clone(), settings).await
    }

    /// Serves the `library.db` of a folder.
    pub(crate) async fn serve(folder: impl Into<Arc<TempDir>>, settings: Settings) -> Self {
        let folder = folder.into();
        let app = App::open(&folder.path().join("library.db"), settings).await.unwrap();
        let server = Server::bind("127.0.0.1", 0, app).await.unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.run(async { drop(stopped.await) }));
        Self { address, client: Client::new(address), folder, stop, serving }
    }

    pub(crate) fn file(&self) -> PathBuf {
        Path::join(self.folder.path(), "library.db")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it, and returns when it has ended.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(LONG, self.serving).await.expect("it ends").unwrap().unwrap();
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    client: HyperClient<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.headers[CONTENT_TYPE], "application/json", "{self:?}");
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { client: HyperClient::builder(TokioExecutor::new()).build(HttpConnector::new()), address }
    }

    /// A request with a JSON body, or without a body if that is empty.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let headers: &[_] = if body.is_empty() { &[] } else { &[("content-type", "application/json")] };
        self.send_with(method, path, headers, body).await
    }

    pub(crate) async fn send_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap();
        let (head, body) = self.client.request(request).await.unwrap().into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, text }
    }

    /// The JSON of a `GET` that succeeds.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.send("GET", path, "").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        answer.json()
    }

    /// A write that succeeds.
    pub(crate) async fn write(&self, method: &str, path: &str, body: &str) -> Answer {
        let answer = self.send(method, path, body).await;
        assert!(answer.status.is_success(), "{method} {path} {body}: {answer:?}");
        answer
    }

    /// The events of the cache; `Err` if there are none.
    pub(crate) async fn events(&self) -> Result<Events, StatusCode> {
        let uri = format!("http://{}/cache/events", self.address);
        let response = self.client.request(Request::get(uri).body(Full::default()).unwrap()).await.unwrap();
        if response.status() != StatusCode::OK {
            return Err(response.status());
        }
        assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
        Ok(Events { body: Body::new(response.into_body()), received: String::new() })
    }
}

/// Server-sent events.
pub(crate) struct Events {
    body: Body,
    received: String,
}

impl Events {
    /// The next snapshot; `None` if there is no other.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            match self.next_of_any_kind().await? {
                (kind, data) if kind == "snapshot" => return Some(data),
                (kind, _) => assert_eq!(kind, "other_processes"),
            }
        }
    }

    /// The kind and the data of the next event; `None` if there is no other.
    pub(crate) async fn next_of_any_kind(&mut self) -> Option<(String, Value)> {
        loop {
            while let Some((event, rest)) = self.received.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                let data = event.lines().find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
                let kind = event.lines().find_map(|line| line.strip_prefix("event: ").map(str::to_owned));
                self.received = rest;
                // Else it is a comment that keeps the connection.
                if let Some(data) = data {
                    return Some((kind.expect("it has a kind"), serde_json::from_str(&data).unwrap()));
                }
            }
            let frame = timeout(LONG, self.body.frame()).await.expect("there is an event")?;
            self.received += std::str::from_utf8(frame.unwrap().data_ref()?).unwrap();
        }
    }

    /// The first event for which something holds.
    pub(crate) async fn find(&mut self, holds: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = self.next().await.expect("the service goes on");
            if holds(&event) {
                return event;
            }
        }
    }
}
