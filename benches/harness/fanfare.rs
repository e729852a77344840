//! How Fanfare is started to be measured, and which version it is.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use crate::places::Places;
use crate::programs::first_line;

/// A server of Fanfare with flags of its own. Its limits are those that thousands of connections
/// from one address would run into otherwise; nothing else differs from the defaults.
pub(crate) fn command(program: &Path, port: u16, admin_port: u16, flags: &[&str]) -> Command {
    let on_loopback = |port| (Ipv4Addr::LOCALHOST, port).into();
    let mut command = Command::new(program);
    command.args(arguments(on_loopback(port), on_loopback(admin_port))).args(flags);
    command
}

/// The arguments of the same, wherever it listens.
pub(crate) fn arguments(listen: SocketAddr, admin: SocketAddr) -> [String; 8] {
    [
        "--listen",
        &listen.to_string(),
        "--admin-listen",
        &admin.to_string(),
        "--connections",
        "19500",
        "--connections-per-address",
        "0",
    ]
    .map(str::to_owned)
}

/// Its version, and the commit that is checked out.
pub(crate) fn version(places: &Places) -> Option<String> {
    let version = first_line(&places.programs.join("fanfare"), "--version")?;
    let version = version.trim_start_matches("fanfare ").to_owned();
    let git = Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .current_dir(&places.repository)
        .output()
        .ok()
        .filter(|output| output.status.success());
    let commit = git.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    Some(commit.map_or(version.clone(), |commit| format!("{version} ({commit})")))
}
