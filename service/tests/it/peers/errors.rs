//! An error answer costs a client nothing but that answer: the publish behind it succeeds, on the same
//! connection or on one that the client knew it would need.

use serde_json::{Value, json};

use super::process::Process;
use crate::support::TestServer;

/// A body that no kernel holds until somebody reads it.
const LONG: usize = 2 << 20;

/// What is refused, and with what. The short bodies come in one piece with their head.
fn cases() -> Vec<(Value, u16)> {
    let case = |method: &str, path: &str, headers: Value, length: usize, status: u16| {
        let case = json!({ "method": method, "path": path, "headers": headers, "length": length });
        (case, status)
    };
    let foreign = json!({ "Origin": "http://elsewhere.example" });
    let media_type = json!({ "Content-Type": "multipart/form-data; boundary=x" });
    let mut cases = Vec::new();
    for length in [10, 100_000, LONG] {
        cases.push(case("POST", "/nowhere", json!({}), length, 404));
        cases.push(case("PUT", "/events/good", json!({}), length, 405));
        cases.push(case("POST", "/.well-known/mercure", media_type.clone(), length, 415));
        cases.push(case("POST", "/events/good", foreign.clone(), length, 403));
    }
    cases.push(case("POST", "/events/good", json!({}), LONG, 413));
    cases
}

async fn the_publish_behind_each_error_succeeds(start: impl FnOnce(&[String]) -> Process) {
    let server = TestServer::start().await;
    let (cases, statuses): (Vec<_>, Vec<_>) = cases().into_iter().unzip();
    let mut client = start(&[server.url(""), json!(cases).to_string()]);
    for (case, status) in cases.iter().zip(&statuses) {
        let line = client.expect_line().await;
        let line: [u16; 2] = serde_json::from_str(&line).expect("two statuses");
        assert_eq!(line, [*status, 200], "{case}");
    }
    client.finish().await;
    let published = server.figure("fanfare_events_published_total").await;
    assert_eq!(published, statuses.len() as f64, "each good one once, and no other");
}

fn python(library: &str, arguments: &[String]) -> Process {
    let arguments = [&[library.to_owned()], arguments].concat();
    Process::python("publish_behind_an_error.py", &arguments)
}

fn node(library: &str, arguments: &[String]) -> Process {
    let arguments = [&[library.to_owned()], arguments].concat();
    Process::node("publish_behind_an_error.mjs", &arguments)
}

#[tokio::test]
async fn http_client_of_python_publishes_behind_each_error() {
    the_publish_behind_each_error_succeeds(|arguments| python("http.client", arguments)).await;
}

#[tokio::test]
async fn requests_publishes_behind_each_error() {
    the_publish_behind_each_error_succeeds(|arguments| python("requests", arguments)).await;
}

#[tokio::test]
async fn httpx_publishes_behind_each_error() {
    the_publish_behind_each_error_succeeds(|arguments| python("httpx", arguments)).await;
}

#[tokio::test]
async fn an_agent_of_node_publishes_behind_each_error() {
    the_publish_behind_each_error_succeeds(|arguments| node("http.Agent", arguments)).await;
}

#[tokio::test]
async fn fetch_of_node_publishes_behind_each_error() {
    the_publish_behind_each_error_succeeds(|arguments| node("fetch", arguments)).await;
}
