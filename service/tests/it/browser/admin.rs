//! The page of the admin listener, as an operator uses it.

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use serde_json::json;

use super::chromium::Chromium;
use super::page::sees;
use crate::support::{EventStream, Program, TestServer};

/// As WebDriver writes the key.
const ENTER: char = '\u{e007}';
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
    // The rows are made anew while one looks at them.
    let script = "const button = document.querySelector('#slowest tbody button');
        button.click();
        return [button.textContent, button.disabled];";
    let click = async || browser.run(script, vec![]).await;
    assert_eq!(click().await, json!(["Really end?", false]), "the first click asks");
    // The second one ends, unless it comes so late that it asks again.
    sees("a click that ends", click, |clicked| clicked[1] == json!(true)).await;
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

#[tokio::test]
async fn topics_are_filtered_turned_and_opened_with_the_keyboard() {
    let server = TestServer::start_with(&["--demos=false"]).await;
    let browser = Chromium::start().await;
    browser.open(&format!("http://{}/", server.admin)).await;
    browser.shows("#topics-none", |text| text == "No topic has an event in memory.").await;
    let _stream = EventStream::open(server.get("/events/orders/7")).await;
    let many: Vec<_> = (0..20).map(|n| (format!("orders/{n}"), "x".to_owned())).collect();
    let many: Vec<_> = many.iter().map(|(topic, data)| (topic.as_str(), data.clone())).collect();
    server.publish_all(&many).await;
    server.publish("prices/<b>", "1 & 2").await;
    let named = async || browser.texts("#topics .name button").await;
    sees("a page of topics", named, |names| names.len() == 15).await;
    let first = named().await;
    browser.click("#topics-next").await;
    let rest = sees("the rest of them", named, |names| names.len() == 6).await;
    assert!(rest.iter().all(|name| !first.contains(name)), "{first:?} {rest:?}");
    browser.click("#topics-previous").await;
    sees("the first page", named, |names| *names == first).await;

    browser.fill("#topics-prefix", "orders/7").await;
    sees("one topic", named, |names| *names == ["orders/7"]).await;
    let subscribers = async || browser.texts("#topics .subscribers").await;
    sees("its subscriber", subscribers, |counts| *counts == ["1"]).await;
    browser.fill("#topics-prefix", "nothing").await;
    browser.shows("#topics-none", |text| text.contains("nothing")).await;
    browser.fill("#topics-prefix", "prices/").await;
    sees("another topic", named, |names| *names == ["prices/<b>"]).await;

    browser.run("document.querySelector('#topics .name button').focus()", vec![]).await;
    // To whatever has the focus: the rows are made anew while one looks at them.
    let keys = KeyActions::new("keyboard".to_owned());
    let keys = keys.then(KeyAction::Down { value: ENTER }).then(KeyAction::Up { value: ENTER });
    browser.client.perform_actions(keys).await.expect("the page takes keys");
    let events = async || browser.texts("#topic-events pre").await;
    sees("its event", events, |events| *events == ["1 & 2"]).await;
    let active = "return document.activeElement.id || document.activeElement.dataset.topic";
    assert_eq!(browser.run(active, vec![]).await, json!("topic-title"));
    browser.click("#topic-close").await;
    assert_eq!(browser.run(active, vec![]).await, json!("prices/<b>"));
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
}
