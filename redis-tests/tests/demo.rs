//! The demo's services and its replay, on a real server.

#![forbid(unsafe_code)]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use cache_core::{Cache, SharedTier};
use cache_redis::RedisTier;
use library_demo::{
    Database, MusicRepository, NewTrack, RemoteRepository, ReplayError, TrackId,
    http::{App, Server as HttpServer, Settings},
    output::Progress,
    replay::{Processes, Tiers, tiers_in_memory},
};
use redis_tests::Server;
use tempfile::TempDir;
use tokio::time::sleep;

const MAX_LAG: Duration = Duration::from_millis(500);
/// For a machine that is busy.
const SLACK: Duration = Duration::from_secs(10);

const TRACK: TrackId = TrackId(1);

/// A service, as a process of its own would have it.
async fn serve(file: &Path, redis: &Server) -> RemoteRepository {
    let tier = RedisTier::builder(redis.url()).max_lag(MAX_LAG).connect().await.unwrap();
    let settings = Settings { cache: Cache::builder().shared(tier), audit: 0.0, ..Settings::default() };
    let server = HttpServer::bind("127.0.0.1", 0, App::open(file, settings).await.unwrap()).await.unwrap();
    let url = format!("http://{}", server.address());
    tokio::spawn(server.run(std::future::pending()));
    RemoteRepository::new(&url).unwrap()
}

async fn plays(service: &RemoteRepository) -> u32 {
    service.get_track(TRACK).await.unwrap().unwrap().plays
}

/// Reads until the answer is from memory.
async fn wait_for_hit(service: &RemoteRepository) {
    let (start, before) = (Instant::now(), service.counts().await.unwrap().hits);
    while service.counts().await.unwrap().hits == before {
        assert!(start.elapsed() < SLACK, "memory answers nothing");
        plays(service).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p20_two_services_on_one_file_see_each_others_writes() {
    let redis = Server::start();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("library.db");
    Database::open(&file).unwrap().add_track(&NewTrack { id: Some(TRACK), ..NewTrack::default() }).unwrap();
    let services = [serve(&file, &redis).await, serve(&file, &redis).await];
    for service in &services {
        wait_for_hit(service).await;
    }
    for (count, writer) in (1..).zip([0, 1, 0, 1]) {
        let played = services[writer].record_track_play(TRACK).await.unwrap();
        assert_eq!(played.plays, count);
        let written = Instant::now();
        assert_eq!(plays(&services[writer]).await, count, "its own writes it sees at once");
        let other = &services[1 - writer];
        while plays(other).await != count {
            assert!(written.elapsed() < MAX_LAG + SLACK, "the other service does not see play {count}");
            sleep(Duration::from_millis(1)).await;
        }
        // It did not only stop to answer from memory.
        wait_for_hit(other).await;
        assert_eq!(plays(other).await, count);
    }
}

#[test]
fn p20_the_replay_has_the_same_figures_on_redis_as_in_memory() {
    let redis = Server::start();
    let on_redis = |count| -> Result<Tiers, ReplayError> {
        let builder = RedisTier::builder(redis.url())
            .namespace(&format!("replay-{:x}", fastrand::u64(..)))
            // On a busy machine, a lease or an answer in time would be a matter of luck.
            .max_lag(Duration::from_secs(10))
            .timeout(Duration::from_secs(5));
        let tier = |_| Arc::new(builder.clone().connect_blocking().unwrap()) as Arc<dyn SharedTier>;
        Ok((0..count).map(tier).collect())
    };
    let processes = Processes { count: 3, visits: 40 };
    let (mut redis_tables, mut memory_tables) = (Vec::new(), Vec::new());
    let failed = processes.replay(&mut redis_tables, on_redis, &Progress::hidden()).unwrap();
    assert_eq!(failed, [""; 0]);
    processes.replay(&mut memory_tables, tiers_in_memory, &Progress::hidden()).unwrap();
    assert_eq!(String::from_utf8(redis_tables).unwrap(), String::from_utf8(memory_tables).unwrap());
}
