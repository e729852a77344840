//! `GET /status`, and the document that describes the whole listener.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{EventStream, Http2, TestServer, eventually};

pub(super) const DOCUMENT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/admin-openapi.yaml");

/// Asserts that a value is what a schema of the document allows; what is not described is not allowed.
pub(super) fn assert_described(schema: &str, value: &Value) {
    let document: Value =
        serde_saphyr::from_str(&std::fs::read_to_string(DOCUMENT).unwrap()).unwrap();
    let schema = json!({
        "components": document["components"],
        "$ref": format!("#/components/schemas/{schema}"),
    });
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?} in {value:#}");
}

impl TestServer {
    pub(super) fn admin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin)
    }

    pub(super) async fn admin_json(&self, path: &str) -> Value {
        let response = self.client.get(self.admin_url(path)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()["content-type"], "application/json", "{path}");
        assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
        serde_json::from_str(&response.text().await.unwrap()).unwrap()
    }
}

#[tokio::test]
async fn the_status_has_what_the_server_does() {
    let server = TestServer::start_with(&["--demos=false", "--connections", "77"]).await;
    let stream = EventStream::open(server.get("/events/t")).await;
    let http2 = Http2::open(&server).await;
    let mut other = http2.stream("/events/t").await;
    other.place().await;
    server.publish("t", "one").await;
    server.publish_all(&[("t", "two".into()), ("u", "three".into())]).await;
    let mut status = Value::Null;
    eventually("everything is delivered", async || {
        status = server.admin_json("/status").await;
        status["delivered"]["events_total"] == 4
    })
    .await;
    assert_described("Status", &status);
    let expected = [
        ("/version", json!(env!("CARGO_PKG_VERSION"))),
        ("/ready", json!(true)),
        ("/not_ready", Value::Null),
        ("/drain/draining", json!(false)),
        ("/streams/open", json!(2)),
        ("/streams/opened_total", json!(2)),
        ("/connections/http2", json!(1)),
        ("/limits/connections/limit", json!(77)),
        ("/limits/retained_events/used", json!(3)),
        ("/limits/retained_events/limit", json!(100_000)),
        ("/limits/retained_age/limit", json!(86_400.0)),
        ("/limits/lag_events/limit", json!(10_000)),
        ("/limits/streams_per_token/limit", Value::Null),
        ("/shards/0/running", json!(true)),
        ("/shards/1/shard", json!(1)),
        ("/log/kind", json!("memory")),
        ("/log/healthy", json!(true)),
        ("/log/events", json!(3)),
        ("/published/events_total", json!(3)),
        ("/published/by_source/raw", json!(1)),
        ("/published/by_source/ndjson", json!(2)),
        ("/process/pid", json!(std::process::id())),
    ];
    for (pointer, value) in expected {
        assert_eq!(status.pointer(pointer), Some(&value), "{pointer} in {status:#}");
    }
    assert!(status["log"]["newest"]["id"].as_str().unwrap().starts_with("e:"), "{status:#}");
    drop((stream, other, http2));
}

#[tokio::test]
async fn a_server_with_a_data_folder_says_what_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start_with(&["--data-dir", folder.path().to_str().unwrap()]).await;
    let empty = server.admin_json("/status").await;
    assert_described("Status", &empty);
    assert_eq!((&empty["log"]["oldest"], &empty["log"]["kind"]), (&Value::Null, &json!("disk")));
    server.publish("t", "one").await;
    let status = server.admin_json("/status").await;
    assert_described("Status", &status);
    assert!(status["limits"]["disk"]["used"].as_u64().unwrap() > 0, "{status:#}");
    assert!(status["log"]["disk"]["written_bytes_total"].as_u64().unwrap() > 0, "{status:#}");
    server.stop().await;
}

#[tokio::test]
async fn a_drain_shows_with_its_reason() {
    let mut server = TestServer::start_with(&["--drain-window", "60s"]).await;
    let _stream = EventStream::open(server.get("/events/t")).await;
    server.ask_to_stop();
    let mut status = Value::Null;
    eventually("it drains", async || {
        status = server.admin_json("/status").await;
        status["drain"]["draining"] == true
    })
    .await;
    assert_described("Status", &status);
    assert_eq!(status["not_ready"]["reason"], "draining");
    assert_eq!(status["drain"]["window_seconds"], 60.0);
    assert!(status["drain"]["started"].is_string(), "{status:#}");
}
