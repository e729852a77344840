//! The suite against the server, with the keys of both dialects. The table in the documentation is
//! what such a run says.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::program::{conformance, results};

const LEGACY_SECRET: &str = "a secret for draft-07 of 32 bytes or more";
const ISSUER_SECRET: &str = "a secret of the issuer of 32 bytes or more";
pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const ORIGIN: &str = "https://app.example";
pub(crate) const AUDIENCE: &str = "https://hub.example/.well-known/mercure";
/// What the server does otherwise on purpose: an empty cursor counts as none.
pub(crate) const DEVIATIONS: [&str; 1] = ["1.0/R71.1"];

pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start(flags: &[&str]) -> Self {
        let mut process = Command::new(program())
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--demos=false"])
            .args(["--cors-origin", ORIGIN])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let address = line.strip_prefix("listening on ").unwrap();
        Self { url: format!("{address}/.well-known/mercure"), process }
    }

    fn with_keys(flags: &[&str]) -> Self {
        let keys = [
            "--jwt-secret",
            LEGACY_SECRET,
            "--issuer",
            ISSUER,
            "--issuer-secret",
            ISSUER_SECRET,
            "--public-url",
            AUDIENCE,
        ];
        Self::start(&[&keys[..], flags].concat())
    }

    /// The arguments of the suite for a server with keys.
    fn keys(&self) -> Vec<&str> {
        vec![
            "--hub",
            &self.url,
            "--jwt-secret",
            LEGACY_SECRET,
            "--issuer",
            ISSUER,
            "--issuer-secret",
            ISSUER_SECRET,
            "--audience",
            AUDIENCE,
            "--allowed-origin",
            ORIGIN,
        ]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The server's program, built when it is first asked for: as `cargo test --workspace` builds it, the example
/// with what only tests depend on, so that nothing is compiled a second time.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<std::path::PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = Path::new(env!("CARGO_BIN_EXE_conformance")).parent().unwrap();
        let profile = match folder.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(profile) => profile,
        };
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--workspace", "--bin", "fanfare"])
            .args(["--example", "axum", "--profile", profile])
            .arg("--target-dir")
            .arg(folder.parent().unwrap())
            .status()
            .unwrap();
        assert!(built.success(), "the server cannot be built");
        folder.join("fanfare")
    })
}

fn failures(arguments: &[&str]) -> Vec<String> {
    let (_, results) = results(arguments);
    let failed = results.values().filter(|one| one["result"] == "fail");
    let unexpected = failed.filter(|one| !DEVIATIONS.contains(&one["id"].as_str().unwrap()));
    unexpected.map(ToString::to_string).collect()
}

#[test]
fn the_server_conforms_and_the_table_in_the_documentation_says_so() {
    let server = Server::with_keys(&["--anonymous-subscribe", "--subscriptions"]);
    let arguments = [server.keys(), vec!["--anonymous", "--format", "markdown"]].concat();
    let (_, table, errors) = conformance(&arguments);
    let failed: Vec<_> = table
        .lines()
        .filter(|row| row.ends_with("| fail |"))
        .map(|row| row.split('`').nth(1).unwrap())
        .collect();
    assert_eq!(failed, DEVIATIONS, "{errors}");

    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/protocol.md");
    let document = std::fs::read_to_string(documents).unwrap();
    let (_, rest) = document.split_once("<!-- conformance begins -->\n").unwrap();
    let (written, _) = rest.split_once("<!-- conformance ends -->").unwrap();
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance.md");
    std::fs::write(&fresh, &table).unwrap();
    assert!(written == table, "docs/protocol.md is out of date; the table is {}", fresh.display());
}

#[test]
fn the_server_conforms_where_every_reader_needs_a_token() {
    let server = Server::with_keys(&[]);
    assert_eq!(failures(&server.keys()), [""; 0]);
}

#[test]
fn the_server_conforms_where_everybody_may_do_everything() {
    let server = Server::start(&[]);
    // In open mode nobody needs a token, and the rule of 1.0's tokens about the hub's own URL as a
    // topic does not bind: topics such as `#general` are accepted.
    let (_, results) = results(&["--hub", &server.url, "--anonymous"]);
    let failed = results.values().filter(|one| one["result"] == "fail");
    let failed: Vec<_> = failed.map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(failed, ["1.0/R35", "1.0/R71.1"]);
}
