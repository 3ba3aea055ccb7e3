//! Reads and writes of the library.

use axum::http::StatusCode;
use library_demo::{MusicRepository, NewPurchase, NewTrack, RemoteRepository, SqliteRepository, TrackChanges, TrackId};
use serde_json::{Value, json};

use crate::client::TestServer;

/// The ids of a page, and its total.
fn ids(page: &Value) -> (Vec<u64>, u64) {
    let items = page["items"].as_array().unwrap();
    (items.iter().map(|track| track["id"].as_u64().unwrap()).collect(), page["total"].as_u64().unwrap())
}

#[tokio::test]
async fn reads_answer_pages() {
    let server = TestServer::start(&["One", "Two", "Three", "Four"]).await;
    let client = &server.client;
    assert_eq!(
        client.get("/api/tracks/3").await,
        json!({
            "id": 3, "title": "Three", "artist": "Accept", "album": "", "genre": "", "media_type": "", "composer": "",
            "duration_ms": 0, "size_bytes": 0, "plays": 0, "last_played": null
        })
    );
    assert_eq!(ids(&client.get("/api/tracks").await), (vec![1, 2, 3, 4], 4));
    assert_eq!(ids(&client.get("/api/tracks?limit=2&offset=1").await), (vec![2, 3], 4));
    assert_eq!(ids(&client.get("/api/tracks?limit=100&offset=1000000").await), (vec![], 4));
    assert_eq!(ids(&client.get("/api/search?q=t").await), (vec![1, 2, 3, 4], 4), "the artist has one");
    assert_eq!(ids(&client.get("/api/search?q=T%57o&limit=1").await), (vec![2], 1));
    assert_eq!(ids(&client.get("/api/search?q=%25").await), (vec![], 0));

    client.write("POST", "/api/tracks/2/play", "").await;
    client.write("POST", "/api/tracks/4/play", "").await;
    client.write("PUT", "/api/tracks/3/favorite", "").await;
    assert_eq!(ids(&client.get("/api/recent").await), (vec![4, 2, 3, 1], 4));
    assert_eq!(ids(&client.get("/api/popular?limit=1&offset=1").await), (vec![4], 2));
    assert_eq!(ids(&client.get("/api/favorites").await), (vec![3], 1));
    // Of a search and of favourites nobody needs to know the plays.
    assert_eq!(client.get("/api/favorites").await["items"][0].get("plays"), None);
    server.stop().await;
}

#[tokio::test]
async fn writes_are_shown_by_the_next_read() {
    let server = TestServer::start(&["One"]).await;
    let client = &server.client;
    let added = client.write("POST", "/api/tracks", r#"{"title": "Two", "genre": "Rock", "duration_ms": 9}"#).await;
    assert_eq!((added.status, added.header("location")), (StatusCode::CREATED, "/api/tracks/2"));
    assert_eq!(client.get("/api/tracks/2").await, added.json());
    assert_eq!((&added.json()["genre"], &added.json()["duration_ms"]), (&json!("Rock"), &json!(9)));
    assert_eq!(client.write("POST", "/api/tracks", r#"{"id": 77, "title": "77"}"#).await.json()["id"], 77);

    let updated = client.write("PATCH", "/api/tracks/2", r#"{"artist": "Nobody"}"#).await.json();
    assert_eq!(
        (&updated["title"], &updated["artist"], &updated["genre"]),
        (&json!("Two"), &json!("Nobody"), &json!("Rock"))
    );
    assert_eq!(client.get("/api/tracks/2").await, updated);

    for plays in 1..=2 {
        assert_eq!(client.write("POST", "/api/tracks/2/play", "").await.json()["plays"], plays);
        assert_eq!(client.get("/api/tracks/2").await["plays"], plays);
    }
    for (method, favorites) in [("PUT", 1), ("PUT", 1), ("DELETE", 0), ("DELETE", 0)] {
        let answer = client.write(method, "/api/tracks/2/favorite", "").await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::NO_CONTENT, ""));
        assert_eq!(client.get("/api/favorites").await["total"], favorites, "{method}");
    }
    assert_eq!(client.write("DELETE", "/api/tracks/2", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(client.send("GET", "/api/tracks/2", "").await.status, StatusCode::NOT_FOUND);
    server.stop().await;
}

#[tokio::test]
async fn a_purchase_is_done_as_a_whole_or_not_at_all() {
    let server = TestServer::start(&["One", "Two"]).await;
    let client = &server.client;
    let purchase = |tracks| format!(r#"{{"invoice_date": "2026-11-30", "customer_id": 7, "tracks": {tracks}}}"#);
    let bought = client.write("POST", "/api/purchases", &purchase("[2, 1]")).await;
    assert_eq!(bought.status, StatusCode::CREATED);
    let tracks = &bought.json()["tracks"];
    assert_eq!((&tracks[0]["id"], &tracks[0]["plays"], &tracks[1]["id"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(ids(&client.get("/api/favorites").await), (vec![1, 2], 2));
    assert_eq!(ids(&client.get("/api/recent").await), (vec![1, 2], 2));

    let unknown = client.send("POST", "/api/purchases", &purchase("[1, 9]")).await;
    assert_eq!(
        (unknown.status, &unknown.json()["error"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("there is no track 9"))
    );
    assert_eq!(client.get("/api/tracks/1").await["plays"], 1);

    let leap_day = r#"{"invoice_date": "2028-02-29", "customer_id": 7, "tracks": [1]}"#;
    assert_eq!(client.write("POST", "/api/purchases", leap_day).await.status, StatusCode::CREATED);
    server.stop().await;
}

#[tokio::test]
async fn a_bypassed_read_goes_to_the_database() {
    let server = TestServer::start(&["One"]).await;
    let client = &server.client;
    let other = SqliteRepository::open(&server.file(), cache_core::Cache::new()).await.unwrap();
    assert_eq!(client.get("/api/tracks/1").await["plays"], 0);
    // The service does not know of this.
    other.record_track_play(TrackId(1)).await.unwrap();
    assert_eq!(client.get("/api/tracks/1").await["plays"], 0);
    assert_eq!(client.get("/api/tracks/1?bypass=true").await["plays"], 1);
    for list in ["tracks?", "recent?", "popular?", "favorites?", "search?q=one&"] {
        client.get(&format!("/api/{list}bypass=true")).await;
    }
    let totals = &client.get("/api/cache").await["totals"];
    assert_eq!((&totals["entries"], &totals["hits"], &totals["misses"]), (&json!(1), &json!(1), &json!(7)));
    other.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_read_what_either_has_written() {
    const PLAYS: u64 = 40;
    let server = TestServer::start(&["One"]).await;
    let play = |client: crate::client::Client| async move {
        for _ in 0..PLAYS {
            let played = client.write("POST", "/api/tracks/1/play", "").await.json()["plays"].as_u64().unwrap();
            for (path, pointer) in [("tracks/1", "/plays"), ("recent", "/items/0/plays"), ("popular", "/items/0/plays")]
            {
                let read = client.get(&format!("/api/{path}")).await.pointer(pointer).unwrap().as_u64().unwrap();
                assert!(read >= played, "{path}: {read} after {played}");
            }
        }
    };
    let other = tokio::spawn(play(crate::client::Client::new(server.address)));
    play(server.client.clone()).await;
    other.await.unwrap();
    assert_eq!(server.client.get("/api/tracks/1").await["plays"], 2 * PLAYS);
    server.stop().await;
}

#[tokio::test]
async fn a_remote_repository_is_like_the_one_that_is_served() {
    let server = TestServer::start(&["One", "Two & a half", "Three"]).await;
    let remote = RemoteRepository::new(&server.url()).unwrap();
    let local = SqliteRepository::open(&server.file(), cache_core::Cache::builder().capacity(0).build()).await.unwrap();

    let (title, artist) = ("Four".to_owned(), "Nobody".to_owned());
    let new = NewTrack { id: Some(TrackId(9)), title, artist, ..NewTrack::default() };
    assert_eq!(Some(remote.add_track(&new).await.unwrap()), local.get_track(TrackId(9)).await.unwrap());
    assert_eq!(remote.add_track(&new).await.unwrap_err().to_string(), "track 9 already exists");
    let changes = TrackChanges { title: Some("4".to_owned()), ..TrackChanges::default() };
    assert_eq!(remote.update_track(TrackId(9), &changes).await.unwrap().info.title, "4");
    assert_eq!(remote.record_track_play(TrackId(2)).await.unwrap().plays, 1);
    remote.set_track_favorite(TrackId(3), true).await.unwrap();
    remote.set_track_favorite(TrackId(1), true).await.unwrap();
    remote.set_track_favorite(TrackId(1), false).await.unwrap();
    let purchase = NewPurchase { invoice_date: "2026-11-30".to_owned(), customer_id: 1, tracks: vec![TrackId(1)] };
    assert_eq!(remote.purchase(&purchase).await.unwrap()[0].info.id, TrackId(1));
    remote.delete_track(TrackId(9)).await.unwrap();

    for remote in [remote.clone(), remote.bypass()] {
        assert_eq!(remote.get_track(TrackId(2)).await.unwrap(), local.get_track(TrackId(2)).await.unwrap());
        assert_eq!(remote.get_track(TrackId(9)).await.unwrap(), None);
        assert_eq!(remote.get_all_tracks(2, 1).await.unwrap(), local.get_all_tracks(2, 1).await.unwrap());
        assert_eq!(remote.get_recent_tracks(9, 0).await.unwrap(), local.get_recent_tracks(9, 0).await.unwrap());
        assert_eq!(remote.get_popular_tracks(9, 0).await.unwrap(), local.get_popular_tracks(9, 0).await.unwrap());
        assert_eq!(remote.get_favorite_tracks(9, 0).await.unwrap(), local.get_favorite_tracks(9, 0).await.unwrap());
        let search = "two & A";
        assert_eq!(remote.search_tracks(search, 9, 0).await.unwrap(), local.search_tracks(search, 9, 0).await.unwrap());
    }
    let unknown = "there is no track 9";
    assert_eq!(remote.delete_track(TrackId(9)).await.unwrap_err().to_string(), unknown);
    assert_eq!(remote.record_track_play(TrackId(9)).await.unwrap_err().to_string(), unknown);
    assert_eq!(remote.set_track_favorite(TrackId(9), true).await.unwrap_err().to_string(), unknown);
    assert_eq!(remote.update_track(TrackId(9), &changes).await.unwrap_err().to_string(), unknown);
    let error = remote.get_all_tracks(0, 0).await.unwrap_err().to_string();
    assert_eq!(error, "the service failed: limit is from 1 to 100, not 0");
    local.close().await;
    server.stop().await;
}
