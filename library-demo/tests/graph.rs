//! The graph of the demo's queries and mutations, in a process of its own.

#![forbid(unsafe_code)]

use std::{env, fs, path::Path, process::Command};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/graph.json");

/// What `library-demo graph` writes, and its warnings.
fn graph(format: &str) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_library-demo")).args(["graph", "--format", format]).output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{stderr}");
    (stdout, stderr)
}

/// A target that is added, changed or removed changes the file, which a review shows.
/// `GRAPH=overwrite cargo test -p library-demo --test graph` writes it anew.
#[test]
fn the_graph_is_that_of_the_file() {
    let (json, _) = graph("json");
    if env::var_os("GRAPH").is_some_and(|value| value == "overwrite") {
        fs::write(FILE, &json).unwrap();
    }
    let expected = fs::read_to_string(Path::new(FILE)).expect("there is a file");
    assert!(json == expected, "{FILE} has changed:\n{json}");
}

#[test]
fn every_format_has_the_mutations_and_the_queries() {
    for format in ["mermaid", "dot", "json"] {
        let (text, _) = graph(format);
        for name in ["record_track_play", "get_popular_tracks", "import", "short_lived.rs"] {
            assert!(text.contains(name), "{format}: {name}");
        }
    }
}

/// `import` invalidates everything.
#[test]
fn no_query_is_forgotten() {
    let (_, warnings) = graph("mermaid");
    assert_eq!(warnings, "");
}
