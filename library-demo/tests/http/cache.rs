//! What the service shows of its cache.

use std::time::Duration;

use axum::http::StatusCode;
use cache_core::{Cache, ManualClock};
use library_demo::{MusicRepository, SqliteRepository, TrackId, http::Settings, replay::MemoryServer};
use serde_json::{Value, json};

use crate::{
    client::{Events, TestServer},
    prometheus,
};

/// The names in an array of objects.
fn names<'a>(array: &'a Value, name: &str) -> Vec<&'a str> {
    array.as_array().unwrap().iter().map(|item| item[name].as_str().unwrap()).collect()
}

fn query<'a>(event: &'a Value, name: &str) -> &'a Value {
    event["queries"].as_array().unwrap().iter().find(|query| query["query"] == name).unwrap()
}

#[tokio::test]
async fn the_next_event_shows_a_play() {
    let clock = ManualClock::new();
    let settings = Settings { cache: Cache::builder().clock(clock.clone()), ..Settings::default() };
    let server = TestServer::start_with(&["One"], settings).await;
    let client = &server.client;
    client.get("/api/tracks/1").await;
    // The youngest entry comes first, and the default clock may not tick between the two.
    clock.advance(Duration::from_secs(1));
    client.get("/api/recent").await;
    let mut events = client.events().await.unwrap();
    let first = events.next().await.unwrap();
    assert_eq!(names(&first["entries"], "query"), ["get_recent_tracks", "get_track"]);
    assert_eq!(first["entries"][1]["arguments"], "id = TrackId(1)");
    assert_eq!((&first["mutations"], &first["entries_hidden"]), (&json!([]), &json!(0)));

    client.write("POST", "/api/tracks/1/play", "").await;
    let played = events.next().await.unwrap();
    let mutation = &played["mutations"][0];
    assert_eq!(mutation["function"], "record_track_play");
    assert!(mutation["place"].as_str().unwrap().contains("sqlite.rs:"), "{mutation}");
    let targets = names(&mutation["targets"], "name");
    assert_eq!(targets, ["get_popular_tracks", "get_recent_tracks", "get_all_tracks", "get_track"]);
    let kinds = names(&mutation["targets"], "kind");
    assert_eq!(kinds, ["query", "query", "query", "key"]);
    assert_eq!((&mutation["removed"], &mutation["misses"]), (&json!(1), &json!(0)));
    assert_eq!(played["entries"], json!([]));

    client.get("/api/tracks/1").await;
    client.get("/api/tracks/1").await;
    let read = events.find(|event| event["totals"]["hits"] == 1).await;
    let stats = query(&read, "get_track");
    assert_eq!((&stats["hits"], &stats["misses"], &stats["hit_rate"]), (&json!(1), &json!(2), &json!(1.0 / 3.0)));
    assert_eq!((&stats["reasons"]["cold"], &stats["reasons"]["invalidated"]), (&json!(1), &json!(1)));
    assert_eq!(read["mutations"][0]["misses"], 1);
    let miss = &read["misses"][0];
    assert_eq!((&miss["query"], &miss["reason"]), (&json!("get_track"), &json!("invalidated")));
    assert_eq!(miss["invalidated"]["by"], "record_track_play");
    assert!(miss["invalidated"]["through"].as_str().unwrap().contains("get_track"), "{miss}");
    server.stop().await;
}

#[tokio::test]
async fn a_purchase_is_one_mutation_of_several() {
    let server = TestServer::start(&["One"]).await;
    let client = &server.client;
    client.get("/api/favorites").await;
    let mut events = client.events().await.unwrap();
    let purchase = r#"{"invoice_date": "2026-11-30", "customer_id": 7, "tracks": [1]}"#;
    client.write("POST", "/api/purchases", purchase).await;
    let event = events.find(|event| event["mutations"] != json!([])).await;
    assert_eq!(names(&event["mutations"], "function"), ["commit"]);
    let targets = &event["mutations"][0]["targets"];
    let by = names(targets, "by");
    assert!(by.contains(&"record_track_play") && by.contains(&"set_track_favorite"), "{targets}");

    // A miss says which of them it was.
    client.get("/api/favorites").await;
    let event = events.find(|event| event["misses"][0]["reason"] == "invalidated").await;
    let miss = &event["misses"][0];
    assert_eq!(
        (&miss["query"], &miss["invalidated"]["by"]),
        (&json!("get_favorite_tracks"), &json!("set_track_favorite"))
    );
    server.stop().await;
}

#[tokio::test]
async fn the_buttons_forget_bypass_and_purge() {
    let server = TestServer::start(&["One"]).await;
    let client = &server.client;
    let mut events = client.events().await.unwrap();
    let entries = |count: usize| move |event: &Value| event["entries"].as_array().unwrap().len() == count;
    client.get("/api/tracks/1").await;
    client.get("/api/recent").await;
    events.find(entries(2)).await;

    client.write("POST", "/api/cache/forget", r#"{"query": "get_track"}"#).await;
    let event = events.find(entries(1)).await;
    assert_eq!(event["mutations"][0]["function"], "invalidate");
    assert_eq!(event["mutations"][0]["targets"][0]["name"], "get_track");
    client.write("POST", "/api/cache/forget", r#"{"tag": "artist:22"}"#).await;
    let event = events.find(|event| event["mutations"][0]["function"] == "invalidate_tags").await;
    let target = &event["mutations"][0]["targets"][0];
    assert_eq!((&target["kind"], &target["name"]), (&json!("tag"), &json!("artist:22")));
    client.write("POST", "/api/cache/forget", r#""everything""#).await;
    let event = events.find(entries(0)).await;
    assert_eq!(event["mutations"][0]["targets"][0]["kind"], "everything");
    client.write("POST", "/api/cache/purge", "").await;

    client.write("PUT", "/api/cache/bypass", r#"{"on": true}"#).await;
    events.find(|event| event["bypass"] == true).await;
    client.get("/api/tracks/1").await;
    let event = events.find(|event| query(event, "get_track")["reasons"]["bypassed"] == 1).await;
    assert_eq!(event["entries"], json!([]));
    client.write("PUT", "/api/cache/bypass", r#"{"on": false}"#).await;
    events.find(|event| event["bypass"] == false).await;
    client.get("/api/tracks/1").await;
    events.find(entries(1)).await;
    server.stop().await;
}

#[tokio::test]
async fn two_services_with_one_file_hear_each_other() {
    let level = MemoryServer::default();
    let settings = || Settings { cache: Cache::builder().shared(level.tier()), audit: 0.0, ..Settings::default() };
    let one = TestServer::start_with(&["One", "Two"], settings()).await;
    let other = one.start_beside(settings()).await;
    for id in [1, 2] {
        assert_eq!(one.client.get(&format!("/api/tracks/{id}")).await["plays"], 0);
        assert_eq!(other.client.get(&format!("/api/tracks/{id}")).await["plays"], 0);
    }
    let mut events = other.client.events().await.unwrap();
    let before = events.next().await.unwrap();
    let second_level = &before["other_processes"]["second_level"];
    assert_eq!((&second_level["hits"], &second_level["stored"]), (&json!(2), &json!(0)), "the other had loaded them");
    assert_eq!((&before["totals"]["loads"], &before["totals"]["misses"]), (&json!(0), &json!(2)));

    one.client.write("POST", "/api/tracks/1/play", "").await;
    assert_eq!(other.client.get("/api/tracks/1").await["plays"], 1);
    let event = events.find(|event| event["misses"][0]["reason"] == "invalidated").await;
    let mutation = &event["mutations"][0];
    assert_eq!((&mutation["function"], &mutation["misses"]), (&json!("another process"), &json!(1)));
    let named = names(&mutation["targets"], "name");
    assert_eq!(named, ["get_popular_tracks", "get_recent_tracks", "get_all_tracks", "one key of get_track"]);
    assert!(names(&mutation["targets"], "kind").iter().all(|kind| *kind == "shared"), "{mutation}");
    assert_eq!(event["misses"][0]["invalidated"]["by"], "another process");
    let others = &event["other_processes"];
    assert_eq!((&others["is_live"], &others["heard"], &others["published"]), (&json!(true), &json!(1), &json!(0)));
    assert_eq!((&others["gaps"], &others["epochs"], &others["unpublished"]), (&json!(0), &json!(0), &json!(0)));
    // The other track is still in memory.
    other.client.get("/api/tracks/2").await;
    events.find(|event| query(event, "get_track")["hits"] == 1).await;

    let writer = one.client.get("/api/cache").await;
    assert_eq!((&writer["other_processes"]["published"], &writer["other_processes"]["heard"]), (&json!(1), &json!(1)));
    assert_eq!(writer["mutations"][0]["function"], "record_track_play");
    other.stop().await;
    one.stop().await;
}

#[tokio::test]
async fn the_lag_is_told_while_nothing_else_happens() {
    let cache = Cache::builder().shared(MemoryServer::default().tier());
    let server = TestServer::start_with(&["One"], Settings { cache, ..Settings::default() }).await;
    let mut events = server.client.events().await.unwrap();
    let lag = |others: &Value| others["lag_ms"].as_u64().unwrap();
    let (kind, first) = events.next_of_any_kind().await.unwrap();
    assert_eq!(kind, "snapshot");
    let (kind, later) = events.next_of_any_kind().await.unwrap();
    // This tier proves something only when it hears something.
    assert_eq!((&*kind, lag(&later) > lag(&first["other_processes"])), ("other_processes", true));
    server.stop().await;

    let alone = TestServer::start(&["One"]).await;
    assert_eq!(alone.client.get("/api/cache").await.get("other_processes"), None);
    alone.stop().await;
}

#[tokio::test]
async fn an_event_has_a_part_of_many_entries() {
    let server = TestServer::start(&["One"]).await;
    for offset in 0..60 {
        server.client.get(&format!("/api/tracks?limit=1&offset={offset}")).await;
    }
    let event = server.client.events().await.unwrap().next().await.unwrap();
    let entries = event["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &event["entries_hidden"], &event["totals"]["entries"]), (50, &json!(10), &json!(60)));
    assert_eq!(event["misses"].as_array().unwrap().len(), 30);
    let ages: Vec<_> = entries.iter().map(|entry| entry["age_ms"].as_u64().unwrap()).collect();
    assert!(ages.is_sorted(), "{ages:?}");
    server.stop().await;
}

#[tokio::test]
async fn an_audit_finds_what_changes_behind_the_service() {
    let server = TestServer::start_with(&["One"], Settings { audit: 1.0, ..Settings::default() }).await;
    let client = &server.client;
    let mut events = client.events().await.unwrap();
    client.get("/api/tracks/1").await;
    client.write("PUT", "/api/tracks/1/favorite", "").await;
    let other = SqliteRepository::open(&server.file(), Cache::new()).await.unwrap();
    other.record_track_play(TrackId(1)).await.unwrap();
    client.get("/api/tracks/1").await;

    let event = events.find(|event| event["findings"] != json!([])).await;
    let finding = &event["findings"][0];
    assert_eq!((&finding["query"], &finding["arguments"]), (&json!("get_track"), &json!("id = TrackId(1)")));
    assert!(finding["cached"].as_str().unwrap().contains("plays: 0"), "{finding}");
    assert!(finding["loaded"].as_str().unwrap().contains("plays: 1"), "{finding}");
    assert_eq!(finding["mutations"], json!(["set_track_favorite"]));
    assert_eq!((&event["totals"]["audited"], &event["totals"]["stale_found"]), (&json!(1), &json!(1)));
    other.close().await;
    server.stop().await;
}

#[tokio::test]
async fn the_graph_has_what_each_mutation_forgets() {
    let server = TestServer::start(&[]).await;
    let graph = server.client.get("/api/cache/graph").await;
    let queries = [
        "get_all_tracks",
        "get_favorite_tracks",
        "get_popular_tracks",
        "get_recent_tracks",
        "get_track",
        "search_tracks",
    ];
    assert_eq!(names(&graph["queries"], "name"), queries);
    assert_eq!(graph["queries"][5]["text"], "search_tracks(query, limit, offset)");
    let mutations = ["add_track", "delete_track", "record_track_play", "set_track_favorite", "update_track"];
    assert_eq!(names(&graph["mutations"], "function"), mutations);
    let edges = graph["mutations"][2]["edges"].as_array().unwrap();
    let edges: Vec<_> = edges.iter().map(|edge| (edge["query"].as_str().unwrap(), edge["is_key"] == true)).collect();
    let play =
        [("get_popular_tracks", false), ("get_recent_tracks", false), ("get_all_tracks", false), ("get_track", true)];
    assert_eq!(edges, play);
    server.stop().await;
}

#[tokio::test]
async fn viewers_are_limited_and_end_with_the_service() {
    let server = TestServer::start(&["One"]).await;
    let mut viewers: Vec<Events> = Vec::new();
    for _ in 0..64 {
        let mut events = server.client.events().await.unwrap();
        events.next().await.unwrap();
        viewers.push(events);
    }
    assert_eq!(server.client.events().await.err(), Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(server.client.send("GET", "/cache/events", "").await.json()["status"], 503);
    // All see the same.
    server.client.write("POST", "/api/tracks/1/play", "").await;
    for events in &mut viewers {
        assert_eq!(events.next().await.unwrap()["mutations"][0]["function"], "record_track_play");
    }
    server.stop().await;
    for events in &mut viewers {
        assert_eq!(events.next().await, None);
    }
}

/// As the parser writes it: labels are sorted.
fn sample(name: &str, query: &str, labels: &str) -> String {
    let (module, owner) = ("library_demo::repository::sqlite", "library_demo::repository::sqlite::SqliteRepository");
    let mut labels: Vec<_> = labels.split(',').filter(|label| !label.is_empty()).map(str::to_owned).collect();
    for (label, value) in [("cache", "library"), ("module", module), ("owner", owner), ("query", query)] {
        labels.push(format!("{label}=\"{value}\""));
    }
    labels.sort();
    format!("{name}{{{}}}", labels.join(","))
}

#[tokio::test]
async fn metrics_count_what_was_done() {
    // The body of an audited hit asks the database, too.
    let settings = Settings { audit: 0.0, ..Settings::default() };
    let server = TestServer::start_with(&["One", "Two"], settings).await;
    let client = &server.client;
    for path in ["tracks/1", "tracks/1", "tracks/1", "tracks/2", "recent", "search?q=one"] {
        client.get(&format!("/api/{path}")).await;
    }
    client.write("POST", "/api/tracks/1/play", "").await;
    client.get("/api/tracks/1").await;

    let answer = client.send("GET", "/metrics", "").await;
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"), "{answer:?}");
    let samples = prometheus::parse(&answer.text);
    for (name, query, labels, value) in [
        ("cache_gets_total", "get_track", r#",result="hit""#, 2.0),
        ("cache_gets_total", "get_track", r#",result="miss""#, 3.0),
        ("cache_gets_total", "search_tracks", r#",result="miss""#, 1.0),
        ("cache_misses_total", "get_track", r#",reason="cold""#, 2.0),
        ("cache_misses_total", "get_track", r#",reason="invalidated""#, 1.0),
        ("cache_puts_total", "get_track", "", 3.0),
        ("cache_load_total", "get_track", r#",result="success""#, 3.0),
        ("cache_load_duration_seconds_count", "get_track", r#",outcome="stored""#, 3.0),
        ("cache_load_duration_seconds_bucket", "get_track", r#",le="+Inf",outcome="stored""#, 3.0),
        ("cache_size", "get_track", "", 2.0),
        ("cache_size", "get_recent_tracks", "", 0.0),
        ("cache_evictions_total", "get_track", "", 0.0),
        ("cache_eviction_weight_total", "get_track", "", 0.0),
        ("cache_drop_panics_total", "get_track", "", 0.0),
    ] {
        let sample = sample(name, query, labels);
        assert_eq!(samples.get(&sample), Some(&value), "{sample}: {}", answer.text);
    }
    // Three of one track, one page and one search of two statements each, and the play.
    assert_eq!(samples.get("library_database_queries_total"), Some(&8.0));
    // Counters go on, and do not begin again.
    client.get("/api/tracks/1").await;
    let again = prometheus::parse(&client.send("GET", "/metrics", "").await.text);
    assert_eq!(again.get(&sample("cache_gets_total", "get_track", r#",result="hit""#)), Some(&3.0));
    server.stop().await;
}
