//! The commands of the documents work as they are printed, whatever a reader has done before.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::process::folder;
use crate::support::{PROGRAM, TestServer};

const DOCUMENTS: [&str; 3] = ["README.md", "docs/protocol.md", "docs/clients.md"];

/// What stands before each block: a stream has to begin, since it does not end, and everything else
/// has to succeed. The server runs already.
const PRELUDE: &str = r#"set -eu
curl() {
    set -- --disable --no-progress-meter --max-time 30 "$@"
    case " $* " in
    *" -N "*)
        first=$(command curl --silent "$@" | head -n 1)
        [ "$first" = ":" ] || { echo "no stream, but $first" >&2; exit 1; }
        ;;
    *) command curl --fail-with-body "$@" ;;
    esac
}
fanfare() {
    if [ "$1" = token ]; then command "$FANFARE" "$@"; fi
}
"#;

/// The blocks of a document with calls of curl.
fn blocks(document: &str) -> Vec<&str> {
    let blocks = document.split("```").skip(1).step_by(2);
    let shell = blocks.filter_map(|block| block.strip_prefix('\n'));
    shell.filter(|block| block.contains("curl ") && !block.contains('─')).collect()
}

/// Runs a block at a server, with a token that grants everything where the block makes none.
async fn run(block: &str, server: &TestServer, home: &Path, token: &str) {
    let address = server.address.to_string();
    let block = block.replace("127.0.0.1:8080", &address).replace("localhost:8080", &address);
    let block = block.replace("127.0.0.1:9090", &server.admin.to_string());
    let mut shell = tokio::process::Command::new("sh");
    shell.arg("-c").arg(format!("{PRELUDE}{block}")).current_dir(home).kill_on_drop(true);
    shell.env("FANFARE", PROGRAM).env("TOKEN", token).env("no_proxy", "*");
    let output = shell.output().await.unwrap();
    // What is not there is complained of by commands in front of a pipe, too.
    let complaints = String::from_utf8_lossy(&output.stderr);
    let answer = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && complaints.is_empty(), "{block}\n{answer}{complaints}");
}

#[tokio::test]
async fn every_call_of_curl_in_a_document_is_answered_as_a_reader_expects() {
    let home = TempDir::new().unwrap();
    let secret = ["secret", "--file", "hub.secret"];
    let made = Command::new(PROGRAM).args(secret).current_dir(&home).status().unwrap();
    assert!(made.success());
    let file = home.path().join("hub.secret").display().to_string();
    // What a stream is sent soon is what ends the curl whose first line was read.
    let soon = ["--heartbeat", "100ms", "--subscriptions"];
    let keys = ["--jwt-secret-file", &file, "--anonymous-subscribe"];
    let open = TestServer::start_with(&soon).await;
    let keyed = TestServer::start_with(&[&soon[..], &keys].concat()).await;
    let token = ["token", "--jwt-secret-file", &file, "--publish", "*", "--subscribe", "*"];
    let token = Command::new(PROGRAM).args(token).output().unwrap().stdout;
    let token = String::from_utf8(token).unwrap();
    let mut run_blocks = 0;
    for name in DOCUMENTS {
        let document = std::fs::read_to_string(folder().join("../../..").join(name)).unwrap();
        for block in blocks(&document) {
            let server = if block.contains("$TOKEN") { &keyed } else { &open };
            run(block, server, home.path(), token.trim()).await;
            run_blocks += 1;
        }
    }
    assert!(run_blocks >= 15, "{run_blocks}");
}
