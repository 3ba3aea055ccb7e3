//! What an attribute adds to the compile time of its functions.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use indicatif::ProgressBar;
use tempfile::TempDir;

use crate::programs;
use crate::progress::untimed;
use crate::results::{Bound, Effort, Figure, Goal, Results, Table};

const FUNCTIONS: u32 = 50;
const FUNCTIONS_PER_IMPL: u32 = 10;

const OURS: &str = "50 methods with #[cached_query]";
const PLAIN_METHODS: &str = "the same methods, plain";
const CACHED: &str = "50 functions with #[cached]";
const PLAIN_FUNCTIONS: &str = "the same functions, plain";
const OURS_ADDS: &str = "#[cached_query] adds";
const CACHED_ADDS: &str = "#[cached] adds";

/// A kind of compilation: its name, and the arguments of cargo.
pub type Case = (&'static str, &'static [&'static str]);

const CHECK: &str = "cargo check";
const RELEASE: &str = "cargo build --release";

/// A crate of the functions to compile.
pub struct Leaf {
    /// The row.
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

/// The crates to compile.
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

/// The kinds of compilation to time.
pub const CASES: [Case; 2] = [(CHECK, &["check"]), (RELEASE, &["build", "--release"])];

const NOTES: [&str; 3] = [
    "Crates of 50 functions with the same body, arguments (u64, String) and result (Option<String>), with a time to live of \
     5 minutes; those of cache-core also have a tag, in 5 impl blocks. All are public and none is generic, so that a release build \
     generates code for each.",
    "Only the crate is compiled, after a change, without incremental compilation and with two jobs. Every figure includes cargo's \
     own time, except what an attribute adds, which is a difference within a round.",
    "A difference smaller than the spread of the plain crates is noise.",
];

/// Times compilations.
pub fn run(effort: Effort, progress: &ProgressBar) -> Results {
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
    match untimed(progress, "compile", || measure(rounds, progress)) {
        Ok(figures) => table.figures = figures,
        Err(error) => table.notes.push(format!("Nothing was measured. {error}")),
    }
    let goals =
        [(CHECK, 0.6), (RELEASE, 0.5)].into_iter().filter_map(|(case, most)| goal(&table, case, most)).collect();
    Results { tables: vec![table], goals }
}

fn goal(table: &Table, case: &str, most: f64) -> Option<Goal> {
    Some(Goal {
        what: format!("{case}: #[cached_query] adds / #[cached] adds"),
        bound: Bound::AtMost(most),
        measured: table.ratio(OURS_ADDS, CACHED_ADDS, case)?,
        unit: "x",
    })
}

fn measure(rounds: usize, progress: &ProgressBar) -> Result<Vec<Figure>, String> {
    progress.set_length(((rounds + 1) * LEAVES.len() * CASES.len()) as u64);
    let workspace = Workspace::new().map_err(|error| error.to_string())?;
    // The first compilation builds the dependencies.
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
                let mut last =
                    |contender| *samples(&mut figures, contender, case).last().expect("a sample of this round");
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
    &mut figure.expect("a figure for each contender and case").samples
}

/// A temporary directory with all crates and their target directory.
pub struct Workspace {
    directory: TempDir,
}

impl Workspace {
    /// Writes the crates.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn new() -> io::Result<Self> {
        let workspace = Self { directory: tempfile::tempdir()? };
        let members: Vec<_> = LEAVES.iter().map(|leaf| format!("{:?}", leaf.name)).collect();
        let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n", members.join(", "));
        fs::write(workspace.path().join("Cargo.toml"), manifest)?;
        // For the same versions as in the other benchmarks.
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

    /// Compiles a crate after a change, and returns the seconds. `change` differs from that of the last compilation.
    ///
    /// # Errors
    ///
    /// If it cannot be compiled.
    pub fn compile(&self, leaf: &Leaf, command: &[&str], change: u64) -> Result<f64, String> {
        let source = format!("{}\n/// Changed.\npub const CHANGE: u64 = {change};\n", (leaf.source)());
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
        if number % FUNCTIONS_PER_IMPL == 0 {
            source.push_str("impl Repository {\n");
        }
        let method = format!("pub fn query_{number}(&self, id: u64, name: String) -> Option<String>");
        write!(source, "    {attribute}\n    {method} {{\n{}    }}\n", body(number)).expect("a String takes all");
        if number % FUNCTIONS_PER_IMPL == FUNCTIONS_PER_IMPL - 1 {
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
