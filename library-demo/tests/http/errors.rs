//! Whatever is wrong gets a status and JSON.

use std::{sync::Arc, time::Duration};

use axum::http::StatusCode;
use library_demo::{Outage, http::Settings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::client::{Answer, TestServer};

fn assert_error(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    let json = answer.json();
    assert_eq!(json["status"], status, "{answer:?}");
    assert!(json["error"].as_str().unwrap().contains(error), "{error}: {answer:?}");
}

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

#[tokio::test]
async fn bad_requests_get_an_error_with_a_status() {
    let server = TestServer::start(&["One"]).await;
    let long = "x".repeat(201);
    let long_title = format!(r#"{{"title": "{long}"}}"#);
    let long_search = format!("/api/search?q={long}");
    let purchase = |date, tracks| format!(r#"{{"invoice_date": "{date}", "customer_id": 7, "tracks": {tracks}}}"#);
    let large = format!(r#"{{"title": "{}"}}"#, "x".repeat(70_000));
    for (method, path, headers, body, status, error) in [
        // Pages
        ("GET", "/api/tracks?limit=0", JSON, "", 400, "limit is from 1 to 100, not 0"),
        ("GET", "/api/tracks?limit=101", JSON, "", 400, "limit is from 1 to 100, not 101"),
        ("GET", "/api/recent?limit=-1", JSON, "", 400, "limit"),
        ("GET", "/api/popular?limit=many", JSON, "", 400, "limit"),
        ("GET", "/api/favorites?offset=1000001", JSON, "", 400, "offset is at most 1000000"),
        ("GET", "/api/favorites?offset=4294967296", JSON, "", 400, "offset"),
        ("GET", "/api/tracks?limt=1", JSON, "", 400, "unknown field `limt`"),
        ("GET", "/api/search", JSON, "", 400, "missing field `q`"),
        ("GET", "/api/search?q=", JSON, "", 400, "1 to 200 characters"),
        ("GET", &long_search, JSON, "", 400, "1 to 200 characters"),
        ("GET", "/api/search?q=a&limit=0", JSON, "", 400, "limit"),
        ("GET", "/api/tracks?bypass=perhaps", JSON, "", 400, "bypass"),
        // Ids
        ("GET", "/api/tracks/9", JSON, "", 404, "there is no track 9"),
        ("GET", "/api/tracks/one", JSON, "", 400, "`one`"),
        ("GET", "/api/tracks/-1", JSON, "", 400, "`-1`"),
        ("GET", "/api/tracks/4294967296", JSON, "", 400, "4294967296"),
        ("GET", "/api/tracks/%FF", JSON, "", 400, "UTF-8"),
        ("POST", "/api/tracks/9/play", JSON, "", 404, "there is no track 9"),
        ("PUT", "/api/tracks/9/favorite", JSON, "", 404, "there is no track 9"),
        ("DELETE", "/api/tracks/9/favorite", JSON, "", 404, "there is no track 9"),
        ("DELETE", "/api/tracks/9", JSON, "", 404, "there is no track 9"),
        ("PATCH", "/api/tracks/9", JSON, "{}", 404, "there is no track 9"),
        // Bodies
        ("POST", "/api/tracks", JSON, "", 400, "EOF"),
        ("POST", "/api/tracks", JSON, "{", 400, "EOF"),
        ("POST", "/api/tracks", JSON, "title", 400, "expected"),
        ("POST", "/api/tracks", &[], r#"{"title": "Two"}"#, 415, "Content-Type: application/json"),
        ("POST", "/api/tracks", &[("content-type", "text/plain")], r#"{"title": "Two"}"#, 415, "Content-Type"),
        ("POST", "/api/tracks", JSON, r#"{"title": 2}"#, 422, "title"),
        ("POST", "/api/tracks", JSON, r#"{"name": "Two"}"#, 422, "unknown field `name`"),
        ("POST", "/api/tracks", JSON, r#"["Two"]"#, 422, ""),
        ("POST", "/api/tracks", JSON, "{}", 422, "a track has a title"),
        ("POST", "/api/tracks", JSON, r#"{"title": " "}"#, 422, "a track has a title"),
        ("POST", "/api/tracks", JSON, &long_title, 422, "title has at most 200 characters"),
        ("POST", "/api/tracks", JSON, &large, 413, "length limit"),
        ("POST", "/api/tracks", JSON, r#"{"title": "Two", "id": 1}"#, 409, "track 1 already exists"),
        ("POST", "/api/tracks", JSON, r#"{"title": "Two", "id": 1000000001}"#, 422, "an id is at most"),
        ("PATCH", "/api/tracks/1", JSON, r#"{"title": ""}"#, 422, "a track has a title"),
        ("PATCH", "/api/tracks/1", JSON, &long_title, 422, "title has at most 200 characters"),
        ("PATCH", "/api/tracks/1", JSON, r#"{"plays": 7}"#, 422, "unknown field `plays`"),
        ("POST", "/api/purchases", JSON, &purchase("2026-11-30", "[]"), 422, "1 to 100 tracks"),
        ("POST", "/api/purchases", JSON, &purchase("30.11.2026", "[1]"), 422, "2026-11-30"),
        ("POST", "/api/purchases", JSON, &purchase("2026-11-3x", "[1]"), 422, "2026-11-30"),
        ("POST", "/api/purchases", JSON, &purchase("9999-99-99", "[1]"), 422, "invoice_date is a day of the calendar"),
        ("POST", "/api/purchases", JSON, &purchase("2026-02-30", "[1]"), 422, "invoice_date is a day of the calendar"),
        ("POST", "/api/purchases", JSON, &purchase("2026-02-29", "[1]"), 422, "invoice_date is a day of the calendar"),
        ("POST", "/api/purchases", JSON, &purchase("-2026-11-30", "[1]"), 422, "invoice_date is a day of the calendar"),
        ("POST", "/api/purchases", JSON, &purchase("2026-11-30 12:00", "[1]"), 422, "invoice_date"),
        ("POST", "/api/purchases", JSON, &purchase("now", "[1]"), 422, "invoice_date"),
        ("POST", "/api/purchases", JSON, &purchase("", "[1]"), 422, "invoice_date"),
        ("POST", "/api/purchases", JSON, r#"{"tracks": [1]}"#, 422, "missing field"),
        // The cache
        ("POST", "/api/cache/forget", JSON, r#"{"query": "get_everything"}"#, 422, "no query get_everything"),
        ("POST", "/api/cache/forget", JSON, r#"{"name": "get_track"}"#, 422, "unknown variant `name`"),
        ("POST", "/api/cache/forget", JSON, "{}", 400, "expected value"),
        ("PUT", "/api/cache/bypass", JSON, r#"{"on": 1}"#, 422, "boolean"),
        // Paths and methods
        ("GET", "/api", JSON, "", 404, "there is nothing at /api"),
        ("GET", "/api/tracks/1/plays", JSON, "", 404, "there is nothing at /api/tracks/1/plays"),
        ("GET", "/static/../Cargo.toml", JSON, "", 404, "there is nothing"),
        ("POST", "/nothing", JSON, "{}", 404, "there is nothing at /nothing"),
        ("PUT", "/api/tracks", JSON, "{}", 405, "/api/tracks does not take PUT"),
        ("POST", "/", JSON, "", 405, "/ does not take POST"),
        ("GET", "/api/cache/purge", JSON, "", 405, "does not take GET"),
    ] {
        let answer = server.client.send_with(method, path, headers, body).await;
        assert_error(&answer, status, error);
        if status == 405 {
            let allowed = answer.header("allow");
            assert!(!allowed.is_empty() && !allowed.contains(method), "{method} {path}: {allowed}");
        }
    }
    // None of them has changed anything.
    assert_eq!(server.client.get("/api/tracks").await["total"], 1);
    assert_eq!(server.client.get("/api/tracks/1").await["title"], "One");
    server.stop().await;
}

#[tokio::test]
async fn an_outage_is_an_error_that_may_pass() {
    let outage = Arc::new(Outage::new(Duration::ZERO));
    let settings = Settings { outage: Some(outage.clone()), ..Settings::default() };
    let server = TestServer::start_with(&["One"], settings).await;
    let client = &server.client;
    client.get("/api/tracks/1").await;
    outage.begin();
    for (method, path) in [("GET", "/api/tracks"), ("POST", "/api/tracks/1/play"), ("GET", "/api/tracks/1?bypass=true")]
    {
        let answer = client.send(method, path, "").await;
        assert_error(&answer, 503, "the database failed");
        assert_eq!(answer.header("retry-after"), "1");
    }
    outage.end();
    assert_eq!(client.get("/api/tracks").await["total"], 1);
    server.stop().await;
}

/// The answer to a request as it is written here.
async fn raw(server: &TestServer, request: &str) -> String {
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn requests_of_other_origins_are_refused() {
    let server = TestServer::start(&["One"]).await;
    let client = &server.client;
    let port = server.address.port();
    let (own, own_name) = (server.url(), format!("localhost:{port}"));
    let other_port = format!("http://127.0.0.1:{}", port ^ 1);
    for origin in ["http://evil.example", "null", &other_port, "http://localhost"] {
        for (method, path, body) in [
            ("POST", "/api/tracks/1/play", ""),
            ("POST", "/api/tracks", r#"{"title": "Two"}"#),
            ("PUT", "/api/tracks/1/favorite", ""),
            ("DELETE", "/api/tracks/1", ""),
            ("POST", "/api/cache/purge", ""),
            ("POST", "/api/cache/forget", r#""everything""#),
            ("PUT", "/api/cache/bypass", r#"{"on": true}"#),
        ] {
            let headers = [("origin", origin), ("content-type", "application/json")];
            let answer = client.send_with(method, path, &headers, body).await;
            assert_error(&answer, 403, "other origins");
        }
    }
    let play = "/api/tracks/1/play";
    assert_error(&client.send_with("POST", play, &[("sec-fetch-site", "cross-site")], "").await, 403, "origins");
    assert_error(&client.send_with("POST", play, &[("sec-fetch-site", "same-site")], "").await, 403, "origins");
    let no_play = client.get("/api/tracks/1").await;
    assert_eq!((&no_play["plays"], client.get("/api/cache").await["bypass"].as_bool()), (&0.into(), Some(false)));

    for headers in [
        &[][..],
        &[("origin", &*own)],
        &[("sec-fetch-site", "same-origin")],
        &[("host", &*own_name), ("origin", &*format!("http://{own_name}"))],
    ] {
        let answer = client.send_with("POST", play, headers, "").await;
        assert_eq!(answer.status, StatusCode::OK, "{headers:?}: {answer:?}");
    }

    // A name that leads here, and that this service does not know.
    for path in ["/", "/api/tracks", "/cache/events", "/metrics", "/nothing"] {
        let rebound = client.send_with("GET", path, &[("host", "evil.example")], "").await;
        assert_error(&rebound, 403, "not known as evil.example");
    }
    assert!(raw(&server, "GET / HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.0 400 "));
    let answer =
        raw(&server, "GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn pages_load_nothing_from_elsewhere() {
    let server = TestServer::start(&[]).await;
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/cache", "text/html; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/common.js", "text/javascript; charset=utf-8"),
        ("/library.js", "text/javascript; charset=utf-8"),
        ("/cache.js", "text/javascript; charset=utf-8"),
        ("/graph.js", "text/javascript; charset=utf-8"),
        ("/favicon.svg", "image/svg+xml"),
    ] {
        let answer = server.client.send("GET", path, "").await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, content_type), "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-cache");
        let elsewhere = answer.text.replace("http://www.w3.org/2000/svg", "").contains("://");
        assert!(!elsewhere, "{path}");
        let head = server.client.send("HEAD", path, "").await;
        assert_eq!((head.status, &*head.text), (StatusCode::OK, ""));
    }
    let api = server.client.send("GET", "/api/tracks", "").await;
    assert_eq!((api.header("cache-control"), api.header("x-content-type-options")), ("no-store", "nosniff"));
    server.stop().await;
}
