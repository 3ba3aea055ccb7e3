//! `library-demo serve`, as its users run it.

use std::{net::SocketAddr, process::Stdio};

use library_demo::Database;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::client::{Client, LONG};

fn serve(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_library-demo"));
    command.arg("serve").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Starts a service on a free port, and reads where it listens.
async fn start(arguments: &[&str]) -> (Child, SocketAddr) {
    let mut process = serve(&[&["--port", "0"], arguments].concat()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = timeout(LONG, lines.next_line()).await.unwrap().unwrap().expect("it says where it listens");
    let address = line.strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line}"));
    (process, address.parse().unwrap())
}

/// As by Ctrl-C.
#[cfg(unix)]
async fn signal(process: &Child, name: &str) {
    let id = process.id().unwrap().to_string();
    assert!(Command::new("kill").args([name, &id]).status().await.unwrap().success());
}

#[cfg(unix)]
#[tokio::test]
async fn a_service_ends_when_it_is_told_to_also_with_open_events() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("library.db");
    Database::open(&file).unwrap();
    for (option, name) in [("--database", "-INT"), ("--db", "-TERM")] {
        let (mut process, address) = start(&[option, file.to_str().unwrap()]).await;
        assert!(address.ip().is_loopback());
        let client = Client::new(address);
        client.write("POST", "/api/tracks", r#"{"title": "One"}"#).await;
        let mut events = client.events().await.unwrap();
        events.next().await.unwrap();
        signal(&process, name).await;
        while events.next().await.is_some() {}
        let status = timeout(LONG, process.wait()).await.expect("it ends").unwrap();
        assert!(status.success(), "{name}: {status}");
    }
    // Both have written into the file.
    assert_eq!(Database::open(&file).unwrap().get_all_tracks(9, 0).unwrap().total, 2);
}

#[tokio::test]
async fn without_a_file_the_sample_library_is_served() {
    let (mut process, address) = start(&["--host", "localhost", "--audit", "1"]).await;
    assert_eq!(Client::new(address).get("/api/tracks?limit=1").await["total"], 3503);
    process.kill().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_served_is_an_error() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("missing.db");
    let missing = missing.to_str().unwrap();
    for (arguments, code, error) in [
        (&["--database", missing][..], 1, "there is no file"),
        // An address of documentation, which no machine has.
        (&["--host", "192.0.2.1"], 1, "error: "),
        (&["--port", "65536"], 2, "invalid value '65536' for '--port <N>'"),
        (&["--audit", "2"], 2, "it is a number from 0 to 1"),
    ] {
        let output = serve(arguments).output().await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*output.stdout), (Some(code), &b""[..]), "{arguments:?}: {stderr}");
        assert!(stderr.contains(error), "{arguments:?}: {stderr}");
    }
}
