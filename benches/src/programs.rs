//! What is measured in processes of its own: small programs of this package.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// The path of a program of this package, built if it has to be, or why there is none.
///
/// # Errors
///
/// If it can't be built.
pub fn built(name: &str) -> Result<PathBuf, String> {
    let target = target_directory().ok_or("this program is not where cargo puts programs")?;
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--release", "--quiet", "--locked", "--package", "cache-benches", "--bin", name]);
    build.current_dir(env!("CARGO_MANIFEST_DIR")).arg("--target-dir").arg(&target);
    output(&mut build)?;
    Ok(target.join("release").join(name))
}

/// Where the program that is running was built: `release`, or `release/deps` or the like, is in it.
fn target_directory() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    program.ancestors().find(|path| path.join("CACHEDIR.TAG").is_file()).map(Into::into)
}

/// What a program writes.
///
/// # Errors
///
/// If it can't be run, or fails: what it wrote about that.
pub fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{name}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
    }
}
