//! The real binary, built from the sources as they are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The path of `posthorn`, which is built first if it is not up to date.
///
/// The whole workspace is named, so that dependencies keep the features that the tests were built
/// with and are not built anew.
///
/// # Panics
/// When it cannot be built.
pub fn posthorn() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let cargo = option_env!("CARGO").unwrap_or("cargo");
        let built = Command::new(cargo)
            .args(["build", "--workspace", "--locked", "--bin", "posthorn"])
            .current_dir(workspace())
            .output()
            .expect("cargo can be started");
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(
            built.status.success(),
            "the binary cannot be built:\n{said}"
        );
        target_folder().join("posthorn")
    })
}

/// The workspace's root.
///
/// # Panics
/// Never: this crate lies two folders below it.
#[must_use]
pub fn workspace() -> &'static Path {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder
        .ancestors()
        .nth(2)
        .expect("this crate lies two folders below the root")
}

/// Where cargo puts binaries: above the folder of this test's own.
fn target_folder() -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own path");
    let deps = own.parent().expect("a test lies in a folder");
    deps.parent().expect("which lies in another one").to_owned()
}
