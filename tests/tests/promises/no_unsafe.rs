//! P14: no crate contains `unsafe`.

use std::fs;
use std::path::Path;

#[test]
fn p14_every_crate_forbids_unsafe_code() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut roots = 0;
    for member in ["cache-core", "cache-macros", "library-demo", "tests", "benches"] {
        let manifest = fs::read_to_string(workspace.join(member).join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{member} does not inherit the workspace's lints");
        for root in ["src/lib.rs", "src/main.rs"] {
            if let Ok(source) = fs::read_to_string(workspace.join(member).join(root)) {
                assert!(source.contains("#![forbid(unsafe_code)]"), "{member}/{root}");
                roots += 1;
            }
        }
    }
    assert!(roots >= 5);
    let lints = fs::read_to_string(workspace.join("Cargo.toml")).unwrap();
    assert!(lints.contains("unsafe_code = \"forbid\""));
}
