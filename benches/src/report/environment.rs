//! What it was measured on, and which versions.

use std::fs::read_to_string;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use cargo_lock::Lockfile;

/// Whose versions are of interest: all that is measured, and what floor and tables hash with.
const PACKAGES: [&str; 14] = [
    "cache-core",
    "cached",
    "cachelito",
    "cachelito-async",
    "dashmap",
    "foldhash",
    "foyer",
    "hashbrown",
    "memoize",
    "mini-moka",
    "moka",
    "papaya",
    "quick_cache",
    "tokio",
];

const UNKNOWN: &str = "unknown";

/// What there is to know about the machine, each with a name. What it does not tell is said to be unknown.
pub fn of_this_machine() -> Vec<(&'static str, String)> {
    let cores = available_parallelism().map_or(UNKNOWN.into(), |cores| cores.to_string());
    vec![
        ("processor", line("/proc/cpuinfo", "model name")),
        ("cores", cores),
        ("memory", line("/proc/meminfo", "MemTotal")),
        ("kernel", format!("{} {}", std::env::consts::OS, whole("/proc/sys/kernel/osrelease"))),
        ("load average at the end", whole("/proc/loadavg")),
        ("compiler", said_by("rustc", &["--version"])),
        ("commit", said_by("git", &["describe", "--always", "--dirty", "--exclude=*"])),
    ]
}

/// The version of each contender, from `Cargo.lock`; none if that is not there.
pub fn versions() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    let Ok(lock) = Lockfile::load(path) else { return Vec::new() };
    // Not of all packages: of some there are several versions, and this names those that it depends on itself.
    let Some(this) = lock.packages.iter().find(|package| package.name.as_str() == env!("CARGO_PKG_NAME")) else {
        return Vec::new();
    };
    this.dependencies
        .iter()
        .filter(|dependency| PACKAGES.contains(&dependency.name.as_str()))
        .map(|dependency| (dependency.name.to_string(), dependency.version.to_string()))
        .collect()
}

/// What a line of a file says after a name and a colon.
fn line(path: &str, name: &str) -> String {
    let text = read_to_string(path).unwrap_or_default();
    let said = text.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name);
    said.map_or(UNKNOWN.into(), |(_, value)| value.trim().to_owned())
}

fn whole(path: &str) -> String {
    read_to_string(path).map_or(UNKNOWN.into(), |text| text.trim().to_owned())
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    match output {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => UNKNOWN.into(),
    }
}
