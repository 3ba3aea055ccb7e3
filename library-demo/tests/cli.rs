//! The program, as its users run it.

#![forbid(unsafe_code)]

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

fn library_demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_library-demo"));
    command.args(arguments);
    command
}

/// The output of a run that succeeds. Its progress is on stderr.
fn stdout(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = library_demo(arguments).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(stdout).unwrap()
}

/// The last line of a run that fails, after its progress.
fn error(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = library_demo(arguments).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{arguments:?}: {stderr}");
    assert_eq!(stdout, b"", "{arguments:?}");
    let last = stderr.lines().last().unwrap();
    assert!(last.starts_with("error: "), "{arguments:?}: {stderr}");
    last.to_owned()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_library_is_imported_used_and_persists() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("library.db");
    let db = ["--db", path(&file)];
    let run = |arguments: &[&str]| stdout(&[&db, arguments].concat());

    assert_eq!(run(&["import"]), "imported 3503 tracks, 8715 tracks on playlists, 2240 purchases\n");
    let list = run(&["list", "--limit", "2", "--offset", "3"]);
    assert!(list.contains("Restless and Wild") && list.contains("Princess of the Dawn"), "{list}");
    assert!(list.ends_with("2 of 3503 tracks\n"), "{list}");
    let found = run(&["search", "100%"]);
    assert!(found.contains("2242") && found.ends_with("1 of 1 tracks\n"), "{found}");

    assert!(run(&["favorites"]).ends_with("0 of 0 tracks\n"));
    assert_eq!(run(&["favorite", "5"]), "track 5 is now a favourite\n");
    assert!(run(&["favorites"]).contains("Princess of the Dawn"));
    assert_eq!(run(&["favorite", "5", "--off"]), "track 5 is no longer a favourite\n");
    assert!(run(&["favorites"]).ends_with("0 of 0 tracks\n"));

    assert!(run(&["popular"]).ends_with("0 of 0 tracks\n"));
    assert!(run(&["show", "5"]).contains("last played  never"));
    run(&["play", "5"]);
    assert!(run(&["play", "5"]).starts_with("played Princess of the Dawn - Accept"));
    assert!(run(&["popular"]).contains("Princess of the Dawn"));
    assert!(run(&["recent", "--limit", "1"]).contains("Princess of the Dawn"));
    let shown = run(&["show", "5"]);
    assert!(shown.contains("plays        2\n") && shown.contains("length       6:15\n"), "{shown}");
}

#[test]
fn without_a_file_the_sample_library_is_used() {
    assert!(stdout(&["list"]).ends_with("20 of 3503 tracks\n"));
    assert!(stdout(&["play", "1"]).ends_with("; plays: 1\n"));
}

#[test]
fn a_folder_is_imported_or_rejected() {
    let folder = TempDir::new().unwrap();
    let header = "track_id,title,artist,album,genre,media_type,composer,duration_ms,size_bytes";
    fs::write(folder.path().join("tracks.csv"), format!("{header}\n1,One,A,X,Rock,MPEG,,1000,ten\n")).unwrap();
    fs::write(folder.path().join("playlists.csv"), "playlist_id,playlist,track_id\n").unwrap();
    fs::write(folder.path().join("purchases.csv"), "invoice_date,customer_id,track_id\n").unwrap();
    let arguments = ["import", "--data", path(folder.path())];
    assert!(error(&arguments).contains("tracks.csv, line 2, column size_bytes: "));

    fs::write(folder.path().join("tracks.csv"), format!("{header}\n1,One,A,X,Rock,MPEG,,1000,10\n")).unwrap();
    assert_eq!(stdout(&arguments), "imported 1 tracks, 0 tracks on playlists, 0 purchases\n");
}

#[test]
fn an_unknown_track_is_an_error() {
    for arguments in [["show", "9999"], ["play", "9999"], ["favorite", "9999"]] {
        assert_eq!(error(&arguments), "error: there is no track 9999");
    }
}

#[test]
fn other_files_are_an_error() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("missing.db");
    assert!(error(&["list", "--db", path(&missing)]).contains("there is no file"));
    assert!(!missing.exists());

    let text = folder.path().join("notes.txt");
    fs::write(&text, "no database").unwrap();
    assert!(error(&["list", "--db", path(&text)]).contains("is not a music library"));
    assert!(error(&["--db", path(&text)]).contains("--db needs a command"));
}

#[test]
fn a_load_is_served_and_no_answer_is_stale() {
    let table = stdout(&["serve-load", "--tasks", "8", "--operations", "300", "--cancelled", "10", "--seed", "1"]);
    assert!(table.contains("8 tasks") && table.contains("10 % of the requests"), "{table}");
    for policy in ["no cache", "cache"] {
        let row = table.lines().find_map(|line| line.trim_start().strip_prefix(policy)).unwrap();
        let figures: Vec<_> = row.split_whitespace().collect();
        assert_eq!((figures[0], *figures.last().unwrap()), ("300", "0"), "{table}");
    }
}

/// It takes 6 seconds at least: the shortest outage.
#[test]
fn an_outage_ends_no_load_and_no_known_answer_fails() {
    let arguments = ["serve-load", "--tasks", "8", "--outage", "1", "--outage-delay", "5"];
    let Output { status, stdout, stderr } = library_demo(&arguments).output().unwrap();
    let (tables, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success(), "{tables}\n{stderr}");
    assert!(tables.contains("8 tasks") && tables.contains("For 1s in the middle"), "{tables}");
    for policy in ["no cache", "cache", "cache, stale_if_error"] {
        for step in ["import", "warm up", "serve", "compare"] {
            assert!(stderr.contains(&format!("{policy}: {step}: ")), "{policy}, {step}: {stderr}");
        }
        let rows = tables.lines().filter_map(|line| line.trim_start().strip_prefix(policy)?.strip_prefix("  "));
        let [counts, latencies] = rows.collect::<Vec<_>>().try_into().unwrap();
        let counts: Vec<u64> = counts.split_whitespace().map(|count| count.parse().unwrap()).collect();
        let [_, failed_reads, failed_writes, _, known, known_failed, stale] = counts.try_into().unwrap();
        assert!(failed_reads > 0 && failed_writes > 0 && stale == 0, "{tables}");
        assert!(known > 0, "{tables}");
        if policy != "cache" {
            assert_eq!(known_failed, if policy == "no cache" { known } else { 0 }, "{tables}");
        }
        assert_eq!(latencies.split_whitespace().count(), 6, "{tables}");
    }
}

#[test]
fn an_impossible_load_is_rejected() {
    for (arguments, problem) in [
        (&["--tasks", "0"][..], "invalid value '0' for '--tasks <N>'"),
        (&["--tasks", "many"], "invalid value 'many' for '--tasks <N>'"),
        (&["--seconds", "0"], "invalid value '0' for '--seconds <N>'"),
        (&["--operations", "0"], "invalid value '0' for '--operations <N>'"),
        (&["--cancelled", "101"], "invalid value '101' for '--cancelled <PERCENT>'"),
        (&["--seconds", "1", "--operations", "1"], "cannot be used with"),
        (&["--outage", "0"], "invalid value '0' for '--outage [<SECONDS>]'"),
        (&["--outage", "--operations", "1"], "cannot be used with"),
        (&["--outage-delay", "1"], "required arguments were not provided"),
    ] {
        let Output { status, stdout, stderr } = library_demo(&[&["serve-load"], arguments].concat()).output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!((status.code(), &*stdout), (Some(2), &b""[..]), "{arguments:?}: {stderr}");
        assert!(stderr.contains(problem), "{arguments:?}: {stderr}");
    }
    assert!(error(&["serve-load", "--db", "library.db"]).contains("serve-load does not accept --db"));
    assert!(error(&["serve-load", "--outage", "--seconds", "29"]).contains("30 s in all"));
}

#[test]
fn impossible_processes_are_rejected() {
    assert!(error(&["processes", "--db", "library.db"]).contains("processes does not accept --db"));
    let Output { status, stderr, .. } = library_demo(&["processes", "--count", "1"]).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("invalid value '1' for '--count <N>'"), "{stderr}");
}

#[cfg(not(feature = "redis"))]
#[test]
fn redis_without_its_feature_is_an_error_that_names_it() {
    for command in ["serve", "processes"] {
        let error = error(&[command, "--redis", "redis://127.0.0.1"]);
        assert!(error.ends_with("this program was built without Redis: build it with `--features redis`"), "{error}");
    }
}

#[cfg(feature = "redis")]
#[test]
fn a_url_that_cannot_be_is_an_error_that_names_the_remedy() {
    for command in ["serve", "processes"] {
        let error = error(&[command, "--redis", "127.0.0.1"]);
        assert!(error.contains("redis://user:password@host:port/database"), "{error}");
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    // More than a pipe holds, so that the program notices.
    let mut child =
        library_demo(&["list", "--limit", "4000"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    assert!(!String::from_utf8(stderr).unwrap().contains("error"));
    assert!(status.success());
}

#[test]
fn help_names_every_command() {
    let help = stdout(&["--help"]);
    for command in [
        "import",
        "list",
        "search",
        "show",
        "favorites",
        "recent",
        "popular",
        "play",
        "favorite",
        "serve ",
        "serve-load",
        "processes",
    ] {
        assert!(help.contains(command), "{command}: {help}");
    }
    assert!(help.contains("--db <FILE>") && help.contains("[alias: --database]"), "{help}");
}

/// Here stderr is a pipe, not a terminal.
#[test]
fn each_step_reports_progress_on_stderr() {
    for (arguments, steps) in [
        (&["import"][..], &["import"][..]),
        (
            &["serve-load", "--operations", "50"],
            &[
                "no cache: import",
                "no cache: serve",
                "no cache: compare",
                "cache: import",
                "cache: serve",
                "cache: compare",
            ],
        ),
    ] {
        let stderr = String::from_utf8(library_demo(arguments).output().unwrap().stderr).unwrap();
        let mut started: Vec<_> = stderr.lines().map(|line| line.rsplit_once(": ").unwrap().0).collect();
        // A slow step writes more lines.
        started.dedup();
        assert_eq!(started, steps, "{stderr}");
    }
}
