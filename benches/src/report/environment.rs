//! The machine, the compiler, and the versions of the contenders.

use std::fmt::Write as _;
use std::fs::read_to_string;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use cargo_lock::Lockfile;

use crate::programs;

/// The contenders, and the hash function of the maps.
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

/// A Markdown table of facts, each with its name.
pub fn markdown() -> String {
    let cores = available_parallelism().map_or(UNKNOWN.into(), |cores| cores.to_string());
    let versions: Vec<String> = versions().iter().map(|(name, version)| format!("{name} {version}")).collect();
    let facts = [
        ("processor", field("/proc/cpuinfo", "model name")),
        ("cores", cores),
        ("memory", field("/proc/meminfo", "MemTotal")),
        ("kernel", format!("{} {}", std::env::consts::OS, content("/proc/sys/kernel/osrelease"))),
        ("load average at the end", content("/proc/loadavg")),
        ("compiler", output("rustc", &["--version"])),
        ("commit", output("git", &["describe", "--always", "--dirty", "--exclude=*"])),
        ("versions", versions.join(", ")),
    ];
    let mut text = String::from("| | |\n|---|---|\n");
    for (name, fact) in facts {
        let _ = writeln!(text, "| {name} | {fact} |");
    }
    text
}

/// From `Cargo.lock`; empty if there is none.
fn versions() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    let Ok(lock) = Lockfile::load(path) else { return Vec::new() };
    // Only direct dependencies: of some packages the lock file has several versions.
    let Some(this) = lock.packages.iter().find(|package| package.name.as_str() == env!("CARGO_PKG_NAME")) else {
        return Vec::new();
    };
    this.dependencies
        .iter()
        .filter(|dependency| PACKAGES.contains(&dependency.name.as_str()))
        .map(|dependency| (dependency.name.to_string(), dependency.version.to_string()))
        .collect()
}

/// The value after a name and a colon, in a file of such lines.
fn field(path: &str, name: &str) -> String {
    let text = read_to_string(path).unwrap_or_default();
    let found = text.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name);
    found.map_or(UNKNOWN.into(), |(_, value)| value.trim().to_owned())
}

fn content(path: &str) -> String {
    read_to_string(path).map_or(UNKNOWN.into(), |text| text.trim().to_owned())
}

fn output(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    programs::output(&mut command).map_or(UNKNOWN.into(), |text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_lock_file() {
        let versions = versions();
        let of = |name: &str| versions.iter().find(|(package, _)| package == name).map(|(_, version)| version.as_str());
        assert!(of("quick_cache").is_some_and(|version| version.starts_with("0.7.")), "{versions:?}");
        assert!(of("dashmap").is_some_and(|version| version.starts_with("6.")), "{versions:?}");
    }
}
