//! What the metrics page and the health checks say of a data folder, tried by using it and by taking it
//! away.

use crate::support::{EventStream, TestServer, eventually};

#[tokio::test]
async fn a_data_folder_is_measured_from_the_first_event_on() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--data-dir", folder.path().to_str().unwrap(), "--retain-bytes", "64MiB"];
    let server = TestServer::start_with(&flags).await;
    let events: Vec<_> = (0..5).map(|number| ("t", number.to_string())).collect();
    server.publish_all(&events).await;
    let counted = [
        "fanfare_storage_state{state=\"healthy\"}",
        "fanfare_storage_commit_events_sum",
        "fanfare_retained_memory_events",
        "fanfare_retained_segments",
        "fanfare_storage_unreadable_total",
        "fanfare_retained_disk_bytes_limit",
    ];
    assert_eq!(server.stats(counted).await, [1.0, 5.0, 5.0, 1.0, 0.0, (64 << 20) as f64]);
    for series in [
        "fanfare_storage_sync_seconds_count",
        "fanfare_storage_sync_seconds_sum",
        "fanfare_storage_free_bytes",
    ] {
        assert!(server.figure(series).await > 0.0, "{series}");
    }
    let written = server.figure("fanfare_storage_written_bytes_total").await;
    assert!(written > 5.0 * 40.0 && written < 5.0 * 400.0, "{written}");
    // It has room in advance.
    assert!(server.figure("fanfare_retained_disk_bytes").await > written);
}

#[tokio::test]
async fn without_a_data_folder_its_figures_are_0_and_the_log_is_healthy() {
    let server = TestServer::start().await;
    server.publish("t", "x").await;
    let figures = [
        "fanfare_storage_state{state=\"healthy\"}",
        "fanfare_storage_state{state=\"failed\"}",
        "fanfare_storage_sync_seconds_count",
        "fanfare_storage_commit_events_count",
        "fanfare_storage_free_bytes",
        "fanfare_retained_disk_bytes_limit",
        "fanfare_retained_memory_events",
    ];
    assert_eq!(server.stats(figures).await, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
}

#[tokio::test]
async fn a_server_whose_data_folder_is_gone_is_not_ready_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start_with(&["--data-dir", folder.path().to_str().unwrap()]).await;
    let stream = EventStream::open(server.get("/events/t")).await;
    let ask = async |path: &str| {
        let response = server.client.get(format!("http://{}{path}", server.admin)).send().await;
        let response = response.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(ask("/readyz").await, (200, "ready\n".to_owned()));
    // Nothing was written yet, so there is no file that it could go on with.
    folder.close().unwrap();
    let refused = server.post("/events/t").body("x").send().await.unwrap();
    assert_eq!(refused.status(), 503);
    let (status, why) = ask("/readyz").await;
    assert_eq!(status, 503);
    assert!(why.starts_with("the event log has failed: "), "{why}");
    let figures = [
        "fanfare_storage_state{state=\"failed\"}",
        "fanfare_storage_state{state=\"healthy\"}",
        "fanfare_ready",
        "fanfare_subscribers",
    ];
    assert_eq!(server.stats(figures).await, [1.0, 0.0, 0.0, 1.0], "streams go on");
    assert_eq!(ask("/healthz").await.0, 200, "a restart is for whoever has seen to the disk");
    drop(stream);
    eventually("nobody is left", async || server.figure("fanfare_subscribers").await == 0.0).await;
}
