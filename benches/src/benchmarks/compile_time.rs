//! What an attribute adds to the time it takes to compile the functions under it.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use indicatif::ProgressBar;
use tempfile::TempDir;

use crate::programs;
use crate::results::{Answer, Bound, Effort, Figure, Goal, Table};

const FUNCTIONS: u32 = 50;
const FUNCTIONS_IN_AN_IMPL: u32 = 10;

const OURS: &str = "50 methods under #[cached_query]";
const PLAIN_METHODS: &str = "the same methods, without it";
const CACHED: &str = "50 functions under #[cached]";
const PLAIN_FUNCTIONS: &str = "the same functions, without it";
const OURS_ADDS: &str = "#[cached_query] adds";
const CACHED_ADDS: &str = "#[cached] adds";

/// A kind of compilation: what it is called, and how cargo is told.
pub type Case = (&'static str, &'static [&'static str]);

const CHECK: &str = "cargo check";
const RELEASE: &str = "cargo build --release";

/// A crate of nothing but the functions that are timed.
pub struct Leaf {
    /// Whose attribute is on them.
    pub contender: &'static str,
    name: &'static str,
    dependency: Dependency,
    source: fn() -> String,
}

#[derive(Clone, Copy)]
enum Dependency {
    CacheCore,
    Cached,
}

/// The crates that are compiled.
pub const LEAVES: [Leaf; 4] = [
    Leaf {
        contender: OURS,
        name: "ours",
        dependency: Dependency::CacheCore,
        source: || methods("#[cache_core::cached_query(ttl = \"5m\", tags(\"t:{id}\"))]"),
    },
    Leaf { contender: PLAIN_METHODS, name: "plain-methods", dependency: Dependency::CacheCore, source: || methods("") },
    Leaf {
        contender: CACHED,
        name: "cached-functions",
        dependency: Dependency::Cached,
        source: || functions("#[cached::macros::cached(ttl_secs = 300)]"),
    },
    Leaf {
        contender: PLAIN_FUNCTIONS,
        name: "plain-functions",
        dependency: Dependency::Cached,
        source: || functions(""),
    },
];

/// What is timed.
pub const CASES: [Case; 2] = [(CHECK, &["check"]), (RELEASE, &["build", "--release"])];

const NOTES: [&str; 3] = [
    "Crates of 50 functions with the same body, arguments (u64, String) and result (Option<String>), with a time to live of \
     5 minutes; ours with a tag too, in 5 impl blocks. All are public and none is generic, so that a release build generates \
     code for each.",
    "A crate is compiled alone, after a change to it, with its dependencies built before; without incremental compilation, and \
     with two jobs. What cargo itself takes is in every figure but those of what an attribute adds, which are differences \
     within a round.",
    "Below the spread of the crates without an attribute a difference says nothing.",
];

/// Times compilers.
pub fn ask(effort: Effort, progress: &ProgressBar) -> Answer {
    let rounds = match effort {
        Effort::Full => 15,
        Effort::Quick => 3,
    };
    let mut table = Table {
        title: "Compile time".into(),
        unit: "seconds".into(),
        notes: NOTES.map(String::from).into(),
        figures: Vec::new(),
    };
    match measure(rounds, progress) {
        Ok(figures) => table.figures = figures,
        Err(error) => table.notes.push(format!("Nothing was measured. {error}")),
    }
    let goals =
        [(CHECK, 0.6), (RELEASE, 0.5)].into_iter().filter_map(|(case, most)| goal(&table, case, most)).collect();
    Answer { tables: vec![table], goals }
}

fn goal(table: &Table, case: &str, most: f64) -> Option<Goal> {
    Some(Goal {
        what: format!("{case}: what #[cached_query] adds / what #[cached] adds"),
        bound: Bound::AtMost(most),
        measured: table.ratio(OURS_ADDS, CACHED_ADDS, case)?,
        unit: "x",
    })
}

fn measure(rounds: usize, progress: &ProgressBar) -> Result<Vec<Figure>, String> {
    progress.set_length(((rounds + 1) * LEAVES.len() * CASES.len()) as u64);
    let workspace = Workspace::new().map_err(|error| error.to_string())?;
    // Builds the dependencies too.
    for (_, command) in CASES {
        for leaf in &LEAVES {
            workspace.compile(leaf, command, 0)?;
            progress.inc(1);
        }
    }
    let mut figures = empty_figures();
    for round in 1..=rounds {
        for (case, command) in CASES {
            for leaf in &LEAVES {
                let seconds = workspace.compile(leaf, command, round as u64)?;
                samples(&mut figures, leaf.contender, case).push(seconds);
                progress.inc(1);
            }
            for (adds, annotated, plain) in [(OURS_ADDS, OURS, PLAIN_METHODS), (CACHED_ADDS, CACHED, PLAIN_FUNCTIONS)] {
                let mut last = |contender| *samples(&mut figures, contender, case).last().expect("it was timed");
                let difference = last(annotated) - last(plain);
                samples(&mut figures, adds, case).push(difference);
            }
        }
    }
    Ok(figures)
}

fn empty_figures() -> Vec<Figure> {
    let contenders = [OURS, PLAIN_METHODS, OURS_ADDS, CACHED, PLAIN_FUNCTIONS, CACHED_ADDS];
    let figure =
        |contender: &str, case: &str| Figure { contender: contender.into(), case: case.into(), samples: Vec::new() };
    contenders.iter().flat_map(|contender| CASES.map(|(case, _)| figure(contender, case))).collect()
}

fn samples<'f>(figures: &'f mut [Figure], contender: &str, case: &str) -> &'f mut Vec<f64> {
    let figure = figures.iter_mut().find(|figure| figure.contender == contender && figure.case == case);
    &mut figure.expect("there is one for each").samples
}

/// A directory with all of the crates, and what cargo makes of them.
pub struct Workspace {
    directory: TempDir,
}

impl Workspace {
    /// Writes the crates.
    ///
    /// # Errors
    ///
    /// If they can't be written.
    pub fn new() -> io::Result<Self> {
        let workspace = Self { directory: tempfile::tempdir()? };
        let members: Vec<_> = LEAVES.iter().map(|leaf| format!("{:?}", leaf.name)).collect();
        let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n", members.join(", "));
        fs::write(workspace.path().join("Cargo.toml"), manifest)?;
        // The versions are those that are measured elsewhere in the report.
        fs::copy(project().join("Cargo.lock"), workspace.path().join("Cargo.lock"))?;
        for leaf in &LEAVES {
            fs::create_dir_all(workspace.path().join(leaf.name).join("src"))?;
            fs::write(workspace.path().join(leaf.name).join("Cargo.toml"), manifest_of(leaf))?;
            fs::write(workspace.path().join(leaf.name).join("src/lib.rs"), "")?;
        }
        Ok(workspace)
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Seconds to compile a crate that has changed since it was compiled last: `change` is to be another number than then.
    ///
    /// # Errors
    ///
    /// If it can't be compiled, and why.
    pub fn compile(&self, leaf: &Leaf, command: &[&str], change: u64) -> Result<f64, String> {
        let source = format!("{}\n/// It has changed.\npub const CHANGE: u64 = {change};\n", (leaf.source)());
        fs::write(self.path().join(leaf.name).join("src/lib.rs"), source).map_err(|error| error.to_string())?;
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(command).args(["--quiet", "--offline", "--jobs", "2", "--package", leaf.name]);
        cargo.current_dir(self.path()).env("CARGO_INCREMENTAL", "0").env_remove("RUSTFLAGS");
        cargo.env("CARGO_TARGET_DIR", self.path().join("target"));
        let start = Instant::now();
        programs::output(&mut cargo)?;
        Ok(start.elapsed().as_secs_f64())
    }
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn manifest_of(leaf: &Leaf) -> String {
    let dependency = match leaf.dependency {
        Dependency::CacheCore => format!("cache-core = {{ path = '{}' }}", project().join("cache-core").display()),
        Dependency::Cached => "cached = \"4\"".to_owned(),
    };
    let Leaf { name, .. } = leaf;
    format!("[package]\nname = {name:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependency}\n")
}

fn methods(attribute: &str) -> String {
    let mut source =
        "#[derive(cache_core::HasCache)]\npub struct Repository {\n    cache: cache_core::Cache,\n}\n".to_owned();
    for number in 0..FUNCTIONS {
        if number % FUNCTIONS_IN_AN_IMPL == 0 {
            source.push_str("impl Repository {\n");
        }
        let method = format!("pub fn query_{number}(&self, id: u64, name: String) -> Option<String>");
        write!(source, "    {attribute}\n    {method} {{\n{}    }}\n", body(number)).expect("a String takes all");
        if number % FUNCTIONS_IN_AN_IMPL == FUNCTIONS_IN_AN_IMPL - 1 {
            source.push_str("}\n");
        }
    }
    source
}

fn functions(attribute: &str) -> String {
    let mut source = String::new();
    for number in 0..FUNCTIONS {
        let function = format!("pub fn query_{number}(id: u64, name: String) -> Option<String>");
        write!(source, "{attribute}\n{function} {{\n{}}}\n", body(number)).expect("a String takes all");
    }
    source
}

fn body(number: u32) -> String {
    format!("        (id > {number}).then(|| format!(\"{{name}} {{id}} of {number}\"))\n")
}
