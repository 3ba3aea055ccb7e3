//! Misuse is a compile error that says what to do instead, and correct use compiles without a warning.
//!
//! Each file in a folder of `ui` has one fault, and says in its first line what the compiler must say of it.
//! Whole messages are compared with the version of rustc that they were written with; other versions word and
//! draw their part differently, and are held to that line. The files in `ui/pass` have no fault: each is a
//! program that ends well, in every edition.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

/// The version that the `.stderr` files are of. `TRYBUILD=overwrite cargo test` writes them anew.
const PINNED: &str = "rustc 1.95.0 ";

#[test]
fn messages_are_as_written_down() {
    if is_pinned() {
        let tests = trybuild::TestCases::new();
        for folder in folders().iter().filter(|folder| is_misuse(folder)) {
            tests.compile_fail(format!("ui/{}/*.rs", stem(folder)));
        }
    }
}

/// Built at once: trybuild builds what is to run one after the other, which takes minutes.
#[test]
fn what_is_no_misuse_runs() {
    all_is_well("build", &["--package=pass-2021", "--bins"]);
    for name in cases(is_pass).keys() {
        let program = PACKAGES.join("target/debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        let output = Command::new(program).output().expect("it was built");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

fn is_pinned() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("rustc tells its version").stdout;
    String::from_utf8_lossy(&version).starts_with(PINNED)
}

/// With whatever version of rustc this is. On the pinned one the messages are in the `.stderr` files, which
/// [`messages_are_as_written_down`] compares with the compiler's: nothing is compiled twice.
#[test]
fn each_misuse_fails_and_is_told_in_our_words() {
    let cases = cases(is_misuse);
    assert!(cases.len() >= 270, "only {} files in ui", cases.len());
    let (told, stderr) = if is_pinned() { (written_down(&cases), String::new()) } else { compiled() };
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
    assert!(failures.is_empty(), "{}\n{}", failures.join("\n\n"), if told.is_empty() { stderr } else { String::new() });
}

/// The `.stderr` files, by the names of their cases.
fn written_down(cases: &BTreeMap<String, PathBuf>) -> BTreeMap<String, String> {
    let told = |path: &PathBuf| fs::read_to_string(path.with_extension("stderr")).ok();
    cases.iter().filter_map(|(name, path)| Some((name.clone(), told(path)?))).collect()
}

/// The compiler's messages for all files, as programs of one package, and what cargo itself says.
fn compiled() -> (BTreeMap<String, String>, String) {
    let (told, check) = cargo("check", &["--package=misuse", "--bins"]);
    (told, String::from_utf8_lossy(&check.stderr).into_owned())
}

#[test]
fn what_is_no_misuse_compiles_in_every_edition() {
    let cases = cases(is_pass);
    assert!(cases.len() >= 40, "only {} files in ui/pass", cases.len());
    all_is_well("check", &["--package=pass-*", "--bins", "--lib"]);
}

#[test]
fn a_package_may_know_the_crate_by_another_name() {
    all_is_well("check", &["--package=of-another-name", "--bins"]);
}

/// One error for each option that needs it.
#[test]
fn what_needs_the_feature_for_several_processes_says_so() {
    for option in ["shared", "on_unreachable"] {
        let (told, output) = cargo("check", &["--package=without-feature", "--bin", option]);
        let told = told.get(option).map_or("", String::as_str);
        let words =
            format!("`{option}` needs a tier: add the crate `cache-redis`, or the feature `shared` of `cache-core`");
        assert!(told.contains(&words), "{told}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(told.lines().filter(|line| line.starts_with("error")).count(), 1, "{told}");
    }
}

/// As a program, where all is private, and as a library, where what is public is seen by others.
#[test]
fn clippy_has_nothing_to_say_in_crates_of_users() {
    let is_there = Command::new(env!("CARGO")).args(["clippy", "--version"]).output();
    if !is_there.is_ok_and(|output| output.status.success()) {
        println!("clippy isn't installed: nobody has looked at what it says");
        return;
    }
    let programs = ["--bin=pass-silence", "--bin=pass-silence_async"];
    all_is_well("clippy", &["--package=pass-*", programs[0], programs[1], "--lib", "--", "-Dwarnings"]);
}

/// The folders in `ui`.
fn folders() -> Vec<PathBuf> {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
    fs::read_dir(ui).expect("there is a folder `ui`").map(|entry| entry.expect("it is readable").path()).collect()
}

fn is_pass(folder: &Path) -> bool {
    folder.ends_with("pass")
}

fn is_misuse(folder: &Path) -> bool {
    !is_pass(folder)
}

/// The files in some folders of `ui`, each with a name that no other has.
fn cases(is_wanted: fn(&Path) -> bool) -> BTreeMap<String, PathBuf> {
    let mut cases = BTreeMap::new();
    for folder in folders().iter().filter(|folder| is_wanted(folder)) {
        for file in fs::read_dir(folder).expect("it is a folder") {
            let path = file.expect("it is readable").path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                cases.insert(format!("{}-{}", stem(folder), stem(&path)), path);
            }
        }
    }
    cases
}

fn stem(path: &Path) -> String {
    path.file_stem().expect("it has a name").to_string_lossy().into_owned()
}

/// What the first line of a file says that the compiler must say.
fn words(path: &Path) -> String {
    let source = fs::read_to_string(path).expect("it is readable");
    let words = source.lines().next().and_then(|line| line.strip_prefix("//! says: "));
    words.unwrap_or_else(|| panic!("{} begins with no `//! says: `", path.display())).to_owned()
}

/// Fails with what the compiler has to say, if it has.
fn all_is_well(command: &str, arguments: &[&str]) {
    let (told, output) = cargo(command, arguments);
    let told: Vec<String> = told.iter().map(|(target, told)| format!("{target}:\n{told}")).collect();
    assert!(
        output.status.success(),
        "{}\n{}",
        told.join("\n"),
        if told.is_empty() { String::from_utf8_lossy(&output.stderr) } else { "".into() }
    );
}

/// What a command of cargo says of the programs that it compiles, by their names.
fn cargo(command: &str, arguments: &[&str]) -> (BTreeMap<String, String>, Output) {
    let output = Command::new(env!("CARGO"))
        .args([command, "--keep-going", "--quiet", "--message-format=json", "--target-dir"])
        .arg(PACKAGES.join("target"))
        .args(arguments)
        .current_dir(&*PACKAGES)
        .output()
        .expect("cargo runs");
    (errors_by_target(&String::from_utf8_lossy(&output.stdout)), output)
}

/// Packages that have the files as their programs, and the versions of dependencies that we have.
static PACKAGES: LazyLock<PathBuf> = LazyLock::new(|| {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ours = tests.parent().expect("the workspace is around this package");
    let core = quoted(&ours.join("cache-core"));
    // And what asynchronous programs need, and those with `shared`.
    let others = "async-trait = \"0.1\"\nfutures-lite = \"2.6\"\nserde = { version = \"1.0\", features = [\"derive\", \"rc\"] }\n";
    let without_feature = format!("cache-core = {{ path = {core} }}\n");
    let by_its_name = format!("cache-core = {{ path = {core}, features = [\"shared\"] }}\n{others}");
    let by_another = format!("renamed = {{ package = \"cache-core\", path = {core} }}\n{others}");

    let programs =
        |cases: BTreeMap<String, PathBuf>| -> String { cases.iter().map(|(name, path)| program(name, path)).collect() };
    let pass = programs(cases(is_pass)) + "\n[lib]\npath = \"lib.rs\"\n";
    let public = |name: &str| {
        let path = quoted(&tests.join("ui/pass").join(format!("{name}.rs")));
        format!("#[path = {path}]\npub mod {name};\n")
    };
    let library = public("silence") + &public("silence_async");
    let renamed = program("of-another-name", &tests.join("renamed/main.rs"));
    let without = ["shared", "on_unreachable"]
        .map(|name| program(name, &tests.join("without_feature").join(format!("{name}.rs"))))
        .concat();

    let workspace = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui");
    let write = |path: &str, text: &str| {
        let path = workspace.join(path);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("there is room for it");
        fs::write(path, text).expect("it can be written");
    };
    for (package, edition, dependency, targets) in [
        ("misuse", "2021", &by_its_name, &programs(cases(is_misuse))),
        ("pass-2021", "2021", &by_its_name, &pass),
        ("pass-2024", "2024", &by_its_name, &pass),
        ("of-another-name", "2024", &by_another, &renamed),
        ("without-feature", "2024", &without_feature, &without),
    ] {
        let head = format!("[package]\nname = {package:?}\nversion = \"0.0.0\"\nedition = {edition:?}\n");
        if package.starts_with("pass") {
            write(&format!("{package}/lib.rs"), &library);
        }
        write(&format!("{package}/Cargo.toml"), &format!("{head}\n[dependencies]\n{dependency}\n{targets}"));
    }
    write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"misuse\", \"pass-*\", \"of-another-name\", \"without-feature\"]\n\n[profile.dev]\ndebug = false\nincremental = false\n",
    );
    fs::copy(ours.join("Cargo.lock"), workspace.join("Cargo.lock")).expect("the lock file can be copied");
    workspace
});

fn program(name: &str, path: &Path) -> String {
    format!("\n[[bin]]\nname = {name:?}\npath = {}\n", quoted(path))
}

/// A string that Rust quotes is one that TOML reads.
fn quoted(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
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
