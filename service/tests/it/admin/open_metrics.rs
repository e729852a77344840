//! The metrics in the format that a scraper asks for.

use std::collections::BTreeMap;

use reqwest::header::ACCEPT;

use crate::support::TestServer;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0";

async fn page(server: &TestServer, accept: Option<&str>) -> (String, String) {
    let request = server.client.get(server.admin_url("/metrics"));
    let request = match accept {
        Some(accept) => request.header(ACCEPT, accept),
        None => request,
    };
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["vary"], "Accept");
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    (content_type, response.text().await.unwrap())
}

/// The names of series with their labels; bounds of buckets are written differently.
fn series(page: &str) -> BTreeMap<String, usize> {
    let mut series = BTreeMap::new();
    for line in page.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, _) = line.rsplit_once(' ').unwrap();
        let name = name.split("le=").next().unwrap();
        *series.entry(name.to_owned()).or_default() += 1;
    }
    series
}

#[tokio::test]
async fn both_formats_have_the_same_series_and_only_one_has_an_end() {
    let server = TestServer::start().await;
    server.publish("t", "one").await;
    let (text_type, text) = page(&server, None).await;
    let (open_type, open) = page(&server, Some(OPEN_METRICS)).await;
    assert_eq!(text_type, "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(open_type, format!("{OPEN_METRICS}; charset=utf-8"));
    assert_eq!(series(&text), series(&open));
    assert!(open.ends_with("\n# EOF\n") && !text.contains("# EOF"));
    assert!(open.lines().all(|line| !line.is_empty()));
    for line in [
        "# TYPE fanfare_events_published counter",
        "# TYPE fanfare_build info",
        "# UNIT fanfare_delivery_seconds seconds",
        "fanfare_delivery_seconds_bucket{le=\"1.0\"}",
    ] {
        assert!(open.lines().any(|other| other.starts_with(line)), "{line} in {open}");
    }
}
