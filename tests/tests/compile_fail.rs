//! Misuse is a compile error that says what to do instead.
//!
//! Each file in `ui` has one fault, and says in its first line what the compiler must say of it. Whole
//! messages are compared with the version of rustc that they were written with; other versions word and
//! draw their part differently, and are held to that line.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version that the `.stderr` files are of. `TRYBUILD=overwrite cargo test` writes them anew.
const PINNED: &str = "rustc 1.95.0 ";

#[test]
fn messages_are_as_written_down() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("rustc tells its version").stdout;
    if String::from_utf8_lossy(&version).starts_with(PINNED) {
        trybuild::TestCases::new().compile_fail("ui/*/*.rs");
    }
}

/// Compiles all files as programs of one package, with whatever version of rustc this is.
#[test]
fn each_misuse_fails_and_is_told_in_our_words() {
    let cases = cases();
    assert!(cases.len() >= 60, "only {} files in ui", cases.len());
    let package = package(&cases);
    let check = Command::new(env!("CARGO"))
        .args(["check", "--bins", "--keep-going", "--quiet", "--message-format=json", "--target-dir"])
        .arg(package.join("target"))
        .current_dir(&package)
        .output()
        .expect("cargo runs");
    let told = errors_by_target(&String::from_utf8_lossy(&check.stdout));
    let mut failures = Vec::new();
    for (name, path) in &cases {
        let words = words(path);
        match told.get(name) {
            None => failures.push(format!("{}: it compiles", path.display())),
            Some(told) if !told.contains(&words) => {
                failures.push(format!("{}: nobody says `{words}`:\n{told}", path.display()));
            }
            Some(_) => {}
        }
    }
    assert!(
        failures.is_empty(),
        "{}\n{}",
        failures.join("\n\n"),
        if told.is_empty() { String::from_utf8_lossy(&check.stderr) } else { "".into() }
    );
}

/// The files in `ui`, each with a name that no other has.
fn cases() -> BTreeMap<String, PathBuf> {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
    let folders = fs::read_dir(ui).expect("there is a folder `ui`").map(|entry| entry.expect("it is readable").path());
    let mut cases = BTreeMap::new();
    for folder in folders {
        for file in fs::read_dir(&folder).expect("it is a folder") {
            let path = file.expect("it is readable").path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                let stem = |path: &Path| path.file_stem().expect("it has a name").to_string_lossy().into_owned();
                cases.insert(format!("{}-{}", stem(&folder), stem(&path)), path);
            }
        }
    }
    cases
}

/// What the first line of a file says that the compiler must say.
fn words(path: &Path) -> String {
    let source = fs::read_to_string(path).expect("it is readable");
    let words = source.lines().next().and_then(|line| line.strip_prefix("//! says: "));
    words.unwrap_or_else(|| panic!("{} begins with no `//! says: `", path.display())).to_owned()
}

/// Writes a package that has the files as its programs, and the versions of dependencies that we have.
fn package(cases: &BTreeMap<String, PathBuf>) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is around this package");
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui");
    // A string that Rust quotes is one that TOML reads.
    let quoted = |path: &Path| format!("{:?}", path.display().to_string());
    let mut manifest = format!(
        "[package]\nname = \"ui\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n\n\
         [dependencies]\ncache-core = {{ path = {} }}\n",
        quoted(&workspace.join("cache-core"))
    );
    for (name, path) in cases {
        writeln!(manifest, "\n[[bin]]\nname = {name:?}\npath = {}", quoted(path)).expect("a string takes all");
    }
    fs::create_dir_all(&package).expect("there is room for it");
    fs::write(package.join("Cargo.toml"), manifest).expect("it can be written");
    fs::copy(workspace.join("Cargo.lock"), package.join("Cargo.lock")).expect("the lock file can be copied");
    package
}

/// What the compiler said of each program, from cargo's messages.
fn errors_by_target(messages: &str) -> BTreeMap<String, String> {
    let mut told = BTreeMap::<String, String>::new();
    for line in messages.lines() {
        let message: serde_json::Value = serde_json::from_str(line).expect("cargo writes one object a line");
        if message["message"]["level"] == "error" {
            let target = message["target"]["name"].as_str().expect("a message is about a target");
            let rendered = message["message"]["rendered"].as_str().expect("a message is rendered");
            told.entry(target.to_owned()).or_default().push_str(rendered);
        }
    }
    told
}
