//! The programs of the workspace, built when they are first asked for, with the profile of the tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The server.
pub(crate) fn fanfare() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| build("fanfare"))
}

/// The load generator.
pub(crate) fn loadgen() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| build("loadgen"))
}

/// The broker, which `make setup-tests` builds.
pub(crate) fn nats_server() -> PathBuf {
    let program = super::repository("service/tests/peers/nats/.built/nats-server");
    assert!(program.exists(), "{} is not there; run `make setup-tests`", program.display());
    program
}

/// Where cargo builds: the target directory, and the folder of the tests' profile in it.
pub(crate) fn target() -> (PathBuf, PathBuf) {
    // The tests lie in `<target>/<profile>/deps`.
    let test = std::env::current_exe().expect("a path");
    let folder = test.parent().and_then(Path::parent).expect("a profile's folder");
    (folder.parent().expect("the target directory").to_owned(), folder.to_owned())
}

/// Cargo builds binaries of a package only for that package's own tests, so they are asked for here: as
/// `cargo test --workspace` builds them, the example with what only tests depend on, so that nothing is compiled a
/// second time.
fn build(binary: &str) -> PathBuf {
    let (target, folder) = target();
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--workspace", "--bin", binary])
        .args(["--example", "axum", "--profile", profile, "--target-dir"])
        .arg(target)
        .current_dir(super::repository("."))
        .status()
        .expect("cargo starts");
    assert!(built.success(), "{binary} cannot be built");
    folder.join(binary)
}
