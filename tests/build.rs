//! Writes the synchronous twins of tests that are written asynchronously, so that there is one list of cases for both.
//!
//! For each test in [`TESTS`] the files of its folder `asynchronous` are modules of its `main.rs`, in a module
//! `asynchronous`, as ever. This makes one file of them all, in which they are the same without `async` and `.await`,
//! and which `main.rs` includes in a module `synchronous`. What can't be had by leaving out words is in the module
//! `mode` of each of the two, in `main.rs`.
//!
//! To add a case, write it in one of the files, asynchronously. A file that is added needs its `mod` in `main.rs`;
//! without it the build fails. What an error in the twin is about is best seen in the file that `cargo` names.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The tests that have such a folder.
const TESTS: [&str; 2] = ["shapes", "promises"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out = std::env::var("OUT_DIR").expect("cargo says where to write");
    for test in TESTS {
        write_twin(&Path::new("tests").join(test), &Path::new(&out).join(format!("{test}.rs")));
    }
}

fn write_twin(test: &Path, to: &Path) {
    let (main, folder) = (test.join("main.rs"), test.join("asynchronous"));
    for watched in [&main, &folder] {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    let main = read(&main);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> = files.map(|file| file.expect("it can be listed").file_name()).collect();
    names.sort();
    let mut twin = String::new();
    for name in names {
        let file = folder.join(&name);
        let module = name.to_str().and_then(|name| name.strip_suffix(".rs"));
        let module = module.unwrap_or_else(|| panic!("{} is not the file of a module", file.display()));
        assert!(
            main.lines().any(|line| line == format!("    mod {module};")),
            "{} is forgotten: there is no `mod {module};` in the module `asynchronous` of {}",
            file.display(),
            test.join("main.rs").display(),
        );
        // The lines of a module begin after the one that says of which file it is, and are as many as there.
        let (code, file) = (synchronous(&read(&file)), file.display());
        writeln!(twin, "pub(crate) mod {module} {{ // {file}\n{code}}}").expect("a text takes more text");
    }
    fs::write(to, twin).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// What is left out, or has another name. In this order: some are parts of those before them.
const WORDS: [(&str, &str); 7] = [
    ("use async_trait::async_trait;", ""),
    ("#[async_trait]", ""),
    ("async move ", ""),
    ("async ", ""),
    (".await", ""),
    ("_async(", "("),
    ("AsyncFn", "Fn"),
];

fn synchronous(text: &str) -> String {
    WORDS.into_iter().fold(text.to_owned(), |text, (word, twin)| text.replace(word, twin))
}
