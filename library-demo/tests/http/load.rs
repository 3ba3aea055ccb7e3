//! `serve-load --url`.

use std::{process::Output, sync::Arc};

use indicatif::ProgressBar;
use library_demo::{
    CsvFiles, Database, RemoteRepository, TrackId,
    http::Settings,
    serve::{Budget, Load, Service},
    workload::{Read, Step},
};
use tempfile::TempDir;
use tokio::process::Command;

use crate::client::TestServer;

async fn serve_load(arguments: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_library-demo"));
    let Output { status, stdout, stderr } = command.arg("serve-load").args(arguments).output().await.unwrap();
    (status.success(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_over_http_finds_no_stale_answer() {
    let folder = TempDir::new().unwrap();
    let library = Database::open(folder.path().join("library.db")).unwrap();
    library.import(&CsvFiles::embedded(), &ProgressBar::hidden()).unwrap();
    drop(library);
    let server = TestServer::serve(folder, Settings::default()).await;

    let url = server.url();
    let arguments = ["--url", &url, "--tasks", "8", "--operations", "300", "--cancelled", "10", "--seed", "1"];
    // Twice: the second load begins with what the first has changed.
    for _ in 0..2 {
        let (is_success, table, stderr) = serve_load(&arguments).await;
        assert!(is_success, "{table}\n{stderr}");
        assert!(table.contains("The load over HTTP: 8 tasks"), "{table}");
        let row = |policy: &str| -> Vec<String> {
            let row = table.lines().find_map(|line| line.trim_start().strip_prefix(policy)).unwrap();
            row.split_whitespace().map(str::to_owned).collect()
        };
        let (uncached, cached) = (row("no cache"), row("cache"));
        assert_eq!((&*uncached[0], &*uncached[4], uncached.last().unwrap().as_str()), ("300", "0.0", "0"), "{table}");
        assert_eq!((&*cached[0], cached.last().unwrap().as_str()), ("300", "0"), "{table}");
        assert!(cached[4].parse::<f64>().unwrap() > 0.0, "{table}");
    }

    server.client.write("PUT", "/api/cache/bypass", r#"{"on": true}"#).await;
    let (is_success, table, stderr) = serve_load(&arguments).await;
    assert!(!is_success && table.is_empty() && stderr.contains("switch that off"), "{stderr}");
    server.stop().await;
}

#[tokio::test]
async fn the_comparison_finds_stale_answers_over_http() {
    let server = TestServer::start(&["One"]).await;
    let remote = RemoteRepository::new(&server.url()).unwrap();
    let visits = vec![vec![Step::Read(Read::Track(TrackId(1))), Step::Read(Read::Popular)]];
    let load = Load { tasks: 1, budget: Budget::Operations(2), cancelled: 0, seed: 1 };
    let service = Service::new(Arc::new(remote.clone()), visits);
    let outcome = service.serve(load, &ProgressBar::hidden()).await.unwrap();
    assert_eq!((outcome.operations, outcome.stale), (2, 0));

    let truth = remote.bypass();
    assert_eq!(service.compare_with(&truth, &ProgressBar::hidden()).await.unwrap(), 0);
    // The service does not know of this play.
    Database::open(server.file()).unwrap().record_track_play(TrackId(1)).unwrap();
    assert_eq!(service.compare_with(&truth, &ProgressBar::hidden()).await.unwrap(), 2);
    server.stop().await;
}

#[tokio::test]
async fn a_load_needs_a_service() {
    for (url, error) in [
        ("127.0.0.1:8080", "is not a URL such as http://127.0.0.1:8080"),
        ("https://127.0.0.1:8080", "is not a URL such as"),
        ("http://127.0.0.1:8080/api", "is not a URL such as"),
        // No service listens on this port.
        ("http://127.0.0.1:1", "Connection refused"),
    ] {
        let (is_success, table, stderr) = serve_load(&["--url", url]).await;
        assert!(!is_success && table.is_empty() && stderr.contains(error), "{url}: {stderr}");
    }
    let empty = TestServer::start(&[]).await;
    let (is_success, _, stderr) = serve_load(&["--url", &empty.url(), "--operations", "9"]).await;
    assert!(!is_success && stderr.contains("there is no track"), "{stderr}");
    empty.stop().await;
}
