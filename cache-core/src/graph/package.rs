//! Source files as every machine names them.

/// With slashes. An absolute path, as the compiler is given for packages outside of the workspace, is written from the
/// folder of its package on.
pub(super) fn portable(file: &str) -> String {
    let file = file.replace('\\', "/");
    let has_drive = file.get(1..3) == Some(":/");
    if !file.starts_with('/') && !has_drive {
        return file;
    }
    let parts: Vec<_> = file.split('/').collect();
    if let Some(package) = of_build_script(&parts) {
        return package;
    }
    // A folder of the package itself may be named `src` or `registry`, too, but not before the first of these.
    let in_registry = parts.windows(2).position(|two| two == ["registry", "src"]).map(|registry| registry + 3);
    let before_src = || parts.iter().rposition(|&part| part == "src").map(|src| src - 1);
    let is_folder = |&at: &usize| at > 0 && at + 1 < parts.len();
    let package = in_registry.filter(is_folder).or_else(|| before_src().filter(is_folder));
    parts[package.unwrap_or(parts.len().saturating_sub(2))..].join("/")
}

/// What a build script has written, as in `../build/currency-0123456789abcdef/out/rates.rs`, without the hash.
fn of_build_script(parts: &[&str]) -> Option<String> {
    let at = parts.windows(3).rposition(|three| three[0] == "build" && three[2] == "out")?;
    let (package, _) = parts[at + 1].rsplit_once('-').filter(|(_, hash)| hash.len() == 16)?;
    Some(format!("{package}/{}", parts[at + 2..].join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_paths_begin_with_the_package() {
        let index = "index.crates.io-1949cf8c6b5b557f";
        let registry = format!("/home/a/.cargo/registry/src/{index}/currency-1.2.0");
        let cases = [
            ("app/src/lib.rs".to_owned(), "app/src/lib.rs"),
            ("app\\src\\lib.rs".to_owned(), "app/src/lib.rs"),
            (format!("{registry}/src/rates/src/mod.rs"), "currency-1.2.0/src/rates/src/mod.rs"),
            (format!("{registry}/lib.rs"), "currency-1.2.0/lib.rs"),
            (
                "C:\\Users\\a\\.cargo\\git\\checkouts\\money-0a1b\\2c3d\\currency\\src\\lib.rs".to_owned(),
                "currency/src/lib.rs",
            ),
            ("/home/b/src/currency/src/rates.rs".to_owned(), "currency/src/rates.rs"),
            ("/home/b/currency/lib.rs".to_owned(), "currency/lib.rs"),
            ("/src/lib.rs".to_owned(), "src/lib.rs"),
            ("/lib.rs".to_owned(), "/lib.rs"),
            (
                "/home/b/target/debug/build/currency-core-0123456789abcdef/out/src/rates.rs".to_owned(),
                "currency-core/out/src/rates.rs",
            ),
        ];
        for (file, expected) in cases {
            assert_eq!(portable(&file), expected, "{file}");
        }
    }
}
