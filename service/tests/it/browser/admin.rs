//! The page of the admin listener, as an operator uses it.

use serde_json::json;

use super::chromium::Chromium;
use super::page::sees;
use crate::support::{EventStream, Program, TestServer};

const TOKEN: &str = "the-token-of-these-tests-which-is-long-enough";

#[tokio::test]
async fn the_page_shows_the_server_and_ends_a_stream_when_that_is_meant() {
    let server = TestServer::start_with(&["--demos=false"]).await;
    let mut stream = EventStream::open(server.get("/events/orders/42")).await;
    let browser = Chromium::start().await;
    browser.open(&format!("http://{}/", server.admin)).await;
    browser.becomes("live").await;
    browser.shows("#readiness", |text| text == "Ready").await;
    browser.shows("#streams", |text| text == "1").await;
    browser.shows("#slowest .selectors", |text| text == "orders/42").await;
    browser.shows("#deliveries", |text| text == "0").await;
    let limits = async || browser.texts("#limits li p span:first-child").await;
    sees("limits", limits, |names| names.contains(&"Connections".to_owned())).await;
    assert_eq!(browser.texts("#shards tbody tr").await.len(), 2);
    // The first click asks, the second one ends.
    let button = "#slowest tbody button";
    browser.click(button).await;
    browser.shows(button, |text| text == "Really end?").await;
    browser.click(button).await;
    let end = stream.next().await.expect("a time to come back");
    assert!(end.retry.is_some() && stream.next().await.is_none(), "{end:?}");
    browser.shows("#streams", |text| text == "0").await;
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
}

#[tokio::test]
async fn where_a_token_is_needed_the_page_asks_for_it_and_keeps_it_in_its_tab() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN).unwrap();
    let program = Program::start(&["--admin-token-file", file.to_str().unwrap()]);
    let browser = Chromium::start().await;
    browser.open(&format!("{}/", program.admin)).await;
    browser.becomes("live").await;
    browser.shows("#slowest-problem", |text| text.contains("--admin-token-file")).await;
    let open = "return document.getElementById('token-panel').open";
    let is_open = async || browser.run(open, vec![]).await;
    sees("the field of the token", is_open, |open| *open == json!(true)).await;
    browser.fill("#token", &format!("{TOKEN}\n")).await;
    browser.shows("#slowest-problem", str::is_empty).await;
    let level = "return document.getElementById('level').value";
    let shown = async || browser.run(level, vec![]).await;
    sees("the log level", shown, |level| *level == json!("info")).await;
    browser.open(&format!("{}/", program.admin)).await;
    browser.shows("#slowest-none", |text| text == "No stream is open.").await;
    sees(
        "the log level",
        async || browser.run(level, vec![]).await,
        |level| *level == json!("info"),
    )
    .await;
    browser.fill("#level", "inof").await;
    browser.click("#level-apply").await;
    browser.shows("#level-answer", |text| text.contains("the levels are")).await;
    browser.fill("#level", "debug").await;
    browser.click("#level-apply").await;
    browser.shows("#level-answer", |text| text == "In force: debug").await;
}
