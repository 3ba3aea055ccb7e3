//! Runs programs, those of this package among them, which measure in a process of their own.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// Builds a program of this package, and returns its path.
///
/// # Errors
///
/// If it cannot be built.
pub fn built(name: &str) -> Result<PathBuf, String> {
    let target = target_directory().ok_or("this program is in no target directory of cargo")?;
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--release", "--quiet", "--locked", "--package", "cache-benches", "--bin", name]);
    build.current_dir(env!("CARGO_MANIFEST_DIR")).arg("--target-dir").arg(&target);
    output(&mut build)?;
    Ok(target.join("release").join(name))
}

/// The target directory that the running program was built in.
fn target_directory() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    program.ancestors().find(|path| path.join("CACHEDIR.TAG").is_file()).map(Into::into)
}

/// What a program writes to stdout.
///
/// # Errors
///
/// If it cannot be run or fails, with what it writes to stderr.
pub fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{name}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
    }
}
