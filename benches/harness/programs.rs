//! Programs that are not built here: where they are, and what they say of themselves.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The place of a program on `PATH`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join(OsStr::new(name)));
    candidates.find(|candidate| candidate.is_file())
}

/// The first line that a program prints; nothing when it prints none or cannot be started.
pub(crate) fn first_line(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
}
