//! A run of words: who comes late and who is cut off has every word once, and sees which of them were
//! replayed; at the end nobody asks again.

use std::time::Duration;

use fanfare::demo::WORD_RUNS_MAX;
use serde_json::{Value, json};

use super::chromium::Chromium;
use super::page::{sees, stays};
use crate::support::{EventStream, TestServer, eventually};

/// Longer than a page waits before it comes back.
const LONGER_THAN_A_RETRY: Duration = Duration::from_secs(6);

async fn begun() -> (TestServer, Chromium) {
    let server = TestServer::start().await;
    let browser = Chromium::start().await;
    browser.open(&server.url("/demo/runs")).await;
    browser.becomes("idle").await;
    browser.click("#begin").await;
    has_words(&browser, "#first .word", 5).await;
    (server, browser)
}

async fn has_words(browser: &Chromium, selector: &str, least: usize) {
    let words = async || browser.texts(selector).await;
    sees("the words go on", words, |words| words.len() >= least).await;
}

/// All words of the run that the page shows, as the server has them.
async fn said(server: &TestServer, browser: &Chromium) -> Vec<String> {
    let run = browser.run("return location.hash.slice(1)", vec![]).await;
    let path = format!("/events/demo/words/{}?poll", run.as_str().expect("a run"));
    let mut stream = EventStream::open(server.get(&path)).await;
    let mut words = Vec::new();
    while let Some(event) = stream.next().await.filter(|event| event.event.is_none()) {
        words.push(event.data);
    }
    words
}

async fn streams_opened(server: &TestServer) -> f64 {
    server.figure("fanfare_streams_opened_total").await
}

/// How many of each list, told by the page.
async fn counts(browser: &Chromium, panel: &str) -> [usize; 2] {
    let mut counts = [0; 2];
    for (count, name) in counts.iter_mut().zip(["live", "again"]) {
        *count = browser.text(&format!("{panel} .{name}")).await.parse().expect("a number");
    }
    counts
}

#[tokio::test]
async fn who_joins_late_has_every_word_and_both_stop_at_the_end_for_good() {
    let (server, browser) = begun().await;
    browser.click("#join").await;
    has_words(&browser, "#late .word.replayed", 5).await;
    browser.shows("#status", |text| text == "The run has ended, and both readers with it.").await;
    browser.becomes("closed").await;

    let opened = streams_opened(&server).await;
    assert_eq!(opened, 2.0);
    stays("nobody asks again", LONGER_THAN_A_RETRY, async || streams_opened(&server).await).await;
    let words = said(&server, &browser).await;
    assert!(words.len() > 50, "{words:?}");
    for panel in ["#first", "#late"] {
        assert_eq!(browser.texts(&format!("{panel} .word")).await, words, "{panel}");
        let [live, again] = counts(&browser, panel).await;
        assert_eq!(live + again, words.len(), "{panel}");
        let marked = browser.texts(&format!("{panel} .word.replayed")).await.len();
        assert_eq!(again, marked, "{panel}");
    }
    let [live, again] = counts(&browser, "#late").await;
    assert!(live > 0 && again >= 5, "{live} {again}");
}

#[tokio::test]
async fn who_is_cut_off_is_given_what_was_said_meanwhile_and_no_word_twice() {
    let (server, browser) = begun().await;
    browser.click("#first .cut").await;
    browser.becomes("closed").await;
    let nobody = async || server.figure("fanfare_subscribers").await == 0.0;
    eventually("the reader is gone", nobody).await;
    has_words(&browser, "#first .word.replayed", 5).await;
    browser.becomes("live").await;
    browser.shows("#status", |text| text == "The run has ended, and its reader with it.").await;
    assert_eq!(browser.texts("#first .word").await, said(&server, &browser).await);
    let script = "return [...document.querySelectorAll('#first .word')]
        .map((word) => word.classList.contains('replayed'))";
    let marks: Vec<bool> =
        serde_json::from_value(browser.run(script, vec![]).await).expect("marks");
    let turns = marks.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(
        !marks[marks.len() - 1] && turns <= 3,
        "one piece in the middle was replayed: {marks:?}"
    );
}

#[tokio::test]
async fn the_address_of_the_page_names_the_run_for_another_window() {
    let (server, browser) = begun().await;
    let link = browser.attribute("#window", "href").await;
    let before = browser.texts("#first .word").await;
    browser.open("about:blank").await;
    browser.open(&link).await;
    browser.becomes("live").await;
    has_words(&browser, "#first .word", before.len() + 1).await;
    assert_eq!(browser.texts("#first .word").await[..before.len()], before);
    assert_eq!(streams_opened(&server).await, 2.0);
}

#[tokio::test]
async fn a_run_is_told_by_its_topic_and_there_are_only_so_many() {
    let server = TestServer::start().await;
    let first = server.post("/word-runs").send().await.unwrap();
    assert_eq!(first.status(), 201);
    let location = first.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(location, format!("/events/{}", first.text().await.unwrap()));
    let mut reader = EventStream::open(server.get(&location)).await;
    assert_eq!(reader.next().await.unwrap().data, "Nothing");

    for _ in 1..WORD_RUNS_MAX {
        assert_eq!(server.post("/word-runs").send().await.unwrap().status(), 201);
    }
    let refused = server.post("/word-runs").send().await.unwrap();
    assert_eq!(refused.status(), 429);
    let problem: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(problem["type"], json!("urn:fanfare:problem:too-many"));
}
