//! Where the real binaries are.
//!
//! Upstream: `test_box`. `WIGWAG_BIN_DIR` names a folder that has them; without it they are built
//! once, in the profile that the project ships, because `cargo test` alone does not build the
//! programs of packages without tests of this kind.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder that the workspace lies in.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the workspace")
}

/// The folder with `supervisor`, `capture-worker`, `infer-worker` and `net-gateway`.
///
/// # Panics
///
/// If they cannot be built.
#[must_use]
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| match std::env::var_os("WIGWAG_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => build(),
    })
}

/// The path of one binary.
///
/// # Panics
///
/// If it is not there.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    let path = folder().join(name);
    assert!(path.is_file(), "no program {}", path.display());
    path
}

fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--workspace", "--bins", "--locked"])
        .current_dir(workspace())
        .status()
        .expect("cargo can be started");
    assert!(status.success(), "the binaries do not build: {status}");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    // `join` with an absolute path is that path.
    workspace().join(target).join("release")
}
