//! Readers that the server has of its own: slow ones, each under another policy, and a thousand at once.
//! They are there while somebody looks, one run at a time.

use serde_json::{Value, json};

use super::chromium::Chromium;
use super::page::sees;
use crate::support::{EventStream, TestServer, eventually};

async fn opened(path: &str) -> (TestServer, Chromium) {
    let server = TestServer::start().await;
    let browser = Chromium::start().await;
    browser.open(&server.url(path)).await;
    browser.becomes("idle").await;
    (server, browser)
}

/// Begins with the keyboard alone: the button is reached from the top of the page.
async fn begin_by_keyboard(browser: &Chromium) {
    let script = "document.getElementById('begin').focus();
        return document.activeElement.id + ' ' + document.activeElement.tabIndex";
    assert_eq!(browser.run(script, vec![]).await, json!("begin 0"));
    let focused = browser.client.active_element().await.expect("the button");
    focused.send_keys("\n").await.expect("it takes keys");
}

/// A figure of a reader, as the page shows it.
async fn figure(browser: &Chromium, reader: &str, name: &str) -> u64 {
    let text = browser.text(&format!("[data-reader=\"{reader}\"] .{name}")).await;
    text.replace(',', "").parse().expect("a number")
}

async fn refusal(server: &TestServer, path: &str) -> (u16, Value) {
    let refused = server.post(path).send().await.unwrap();
    let status = refused.status().as_u16();
    (status, serde_json::from_str(&refused.text().await.unwrap()).unwrap())
}

#[tokio::test]
async fn each_policy_leaves_its_slow_reader_what_it_promises_and_the_fast_one_all_at_once() {
    let (server, browser) = opened("/demo/slow-readers").await;
    begin_by_keyboard(&browser).await;
    browser.shows("#status", |text| text.starts_with("Four of them")).await;
    let lags =
        async || [figure(&browser, "catch-up", "lag").await, figure(&browser, "fast", "lag").await];
    let far_behind = |[slow, fast]: &[u64; 2]| *slow > 100 && *fast <= 10;
    sees("a reader far behind the fast one", lags, far_behind).await;
    let drawn =
        "return document.querySelector('[data-reader=\"drop-oldest\"] .gap').getAttribute('d')";
    let marks = async || browser.run(drawn, vec![]).await;
    sees("a gap notice", marks, |path| path.as_str().is_some_and(|path| path.contains('V'))).await;
    let (status, problem) = refusal(&server, "/slow-reader-runs").await;
    assert_eq!((status, &problem["type"]), (429, &json!("urn:fanfare:problem:too-many")));

    browser.shows("#status", |text| text.starts_with("The run has ended. ")).await;
    browser.becomes("closed").await;
    let published = figure(&browser, "fast", "read").await;
    assert!(published > 100, "{published}");
    for reader in ["fast", "disconnect", "drop-oldest", "conflate", "catch-up"] {
        let [read, missed, lag] = [
            figure(&browser, reader, "read").await,
            figure(&browser, reader, "missed").await,
            figure(&browser, reader, "lag").await,
        ];
        assert_eq!((read + missed, lag), (published, 0), "{reader}");
        let leaves_out = matches!(reader, "drop-oldest" | "conflate");
        assert_eq!(missed > 0, leaves_out, "{reader}: {missed}");
        assert_eq!(figure(&browser, reader, "gaps").await > 0, leaves_out, "{reader}");
        let closed = figure(&browser, reader, "closed").await;
        assert_eq!(closed > 0, reader == "disconnect", "{reader}: {closed}");
    }
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_thousand_readers_each_have_every_event_and_go_at_the_end() {
    let (server, browser) = opened("/demo/readers").await;
    begin_by_keyboard(&browser).await;
    browser.shows("#open", |text| text == "1,000").await;
    browser.shows("#p99", |text| text.ends_with('s')).await;
    // The page itself is one more.
    assert_eq!(server.figure("fanfare_subscribers").await, 1_001.0);
    let (status, problem) = refusal(&server, "/reader-runs").await;
    assert_eq!((status, &problem["type"]), (429, &json!("urn:fanfare:problem:too-many")));
    let bars = "return document.querySelector('#histogram .bars').getAttribute('d').length";
    assert!(browser.run(bars, vec![]).await.as_u64().is_some_and(|length| length > 20));

    browser.shows("#status", |text| text == "The run has ended, and its readers have gone.").await;
    let number = async |id: &str| -> u64 {
        browser.text(id).await.replace(',', "").parse().expect("a number")
    };
    let published = number("#published").await;
    assert!(published > 20, "{published}");
    assert_eq!(number("#received").await, 1_000 * published);
    let nobody = async || server.figure("fanfare_subscribers").await == 0.0;
    eventually("the readers are gone", nobody).await;
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
}

#[tokio::test]
async fn readers_end_when_nobody_looks_at_the_page_any_more() {
    let (server, browser) = opened("/demo/readers").await;
    browser.click("#begin").await;
    browser.shows("#open", |text| text == "1,000").await;
    let run = browser.run("return location.hash.slice(1)", vec![]).await;
    browser.open("about:blank").await;
    let nobody = async || server.figure("fanfare_subscribers").await == 0.0;
    eventually("the readers are gone", nobody).await;
    let free = async || server.post("/reader-runs").send().await.unwrap().status() == 201;
    eventually("another run may begin", free).await;
    // It did not come to its end.
    let path = format!("/events/demo/readers/{}?poll", run.as_str().expect("a run"));
    let mut reports = EventStream::open(server.get(&path)).await;
    while let Some(report) = reports.next().await {
        assert_ne!(report.event.as_deref(), Some("complete"));
    }
}

#[tokio::test]
async fn a_reload_goes_on_with_the_run() {
    let (_server, browser) = opened("/demo/slow-readers").await;
    browser.click("#begin").await;
    browser.shows("[data-reader=\"fast\"] .read", |read| read != "0").await;
    let before = figure(&browser, "fast", "read").await;
    browser.client.refresh().await.expect("a page");
    let read = async || figure(&browser, "fast", "read").await;
    sees("the run goes on", read, |read| *read > before).await;
}

#[tokio::test]
async fn a_run_ends_on_its_topic_when_the_server_drains() {
    let mut server = TestServer::start_with(&["--drain-window", "1h"]).await;
    let begun = server.post("/slow-reader-runs").send().await.unwrap();
    assert_eq!(begun.status(), 201);
    let location = begun.headers()["location"].to_str().unwrap().to_owned();
    let mut reports = EventStream::open(server.get(&location)).await;
    let first: Value = serde_json::from_str(&reports.next().await.unwrap().data).unwrap();
    assert_eq!(first["phase"], json!("before"));
    // A drain closes one stream of each of the two shards at once, that of the topic that came last;
    // the reports are to go on until the run has told of its end.
    let mut closed_at_once = Vec::new();
    for _ in 0..2 {
        closed_at_once.push(EventStream::open(server.get("/events/elsewhere")).await);
    }
    server.ask_to_stop();
    let mut types = Vec::new();
    while let Some(event) = reports.next().await {
        types.extend(event.event);
    }
    assert_eq!(types, ["fanfare-end"]);
}
