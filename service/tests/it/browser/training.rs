//! The training run that begins with a click: it is shown, it ends, and nothing begins by itself.

use std::time::Duration;

use super::chromium::Chromium;
use super::page::{sees, stays};
use crate::support::TestServer;

/// Longer than a browser waits before it opens an ended stream again.
const LONGER_THAN_A_RETRY: Duration = Duration::from_secs(6);

async fn started() -> (TestServer, Chromium) {
    let server = TestServer::start().await;
    let browser = Chromium::start().await;
    browser.open(&server.url("/demo/training")).await;
    assert_eq!(browser.attribute("main", "data-runs").await, "0");
    assert_eq!(
        server.figure("fanfare_streams_opened_total").await,
        0.0,
        "nothing begins by itself"
    );
    browser.click("#start").await;
    browser.becomes("live").await;
    (server, browser)
}

async fn progress(browser: &Chromium) -> f64 {
    let script = "return document.getElementById('overall').value";
    browser.run(script, vec![]).await.as_f64().expect("a number")
}

async fn streams(server: &TestServer) -> (f64, f64) {
    (
        server.figure("fanfare_subscribers").await,
        server.figure("fanfare_streams_opened_total").await,
    )
}

#[tokio::test]
async fn a_run_is_shown_to_its_end_and_does_not_start_over() {
    let (server, browser) = started().await;
    let early = sees("the bar moves", async || progress(&browser).await, |at| *at > 0.0).await;
    sees("the bar moves on", async || progress(&browser).await, |at| *at > early).await;
    browser.shows("#epoch", |text| text == "Epoch 2 of 10").await;

    browser.shows("#status", |text| text == "Training complete!").await;
    browser.becomes("closed").await;
    assert_eq!(browser.text("#epoch").await, "Epoch 10 of 10");
    assert_eq!(browser.run("return document.getElementById('progress').value", vec![]).await, 100);
    assert_eq!(browser.text("#loss").await, "0.1000");

    let ended = |(open, _): &(f64, f64)| *open == 0.0;
    sees("the stream has ended", async || streams(&server).await, ended).await;
    stays("no second run", LONGER_THAN_A_RETRY, async || streams(&server).await).await;
    assert_eq!(streams(&server).await, (0.0, 1.0));
    assert_eq!(browser.attribute("main", "data-runs").await, "1");
    assert_eq!(browser.attribute("#connection", "data-state").await, "closed");
}

#[tokio::test]
async fn a_second_click_stops_the_first_run_and_starts_another() {
    let (server, browser) = started().await;
    // So far that the next run needs seconds to get there, in which the bar is seen to be back.
    let first = sees("the bar moves", async || progress(&browser).await, |at| *at > 20.0).await;
    browser.click("#start").await;
    sees("the bar is back", async || progress(&browser).await, |at| *at < first).await;
    let left = async || server.figure("fanfare_streams_closed_total{reason=\"client\"}").await;
    sees("the first run was left", left, |left| *left == 1.0).await;
    browser.becomes("live").await;
    assert_eq!(streams(&server).await, (1.0, 2.0));
    assert_eq!(browser.attribute("main", "data-runs").await, "2");
    sees("the bar moves again", async || progress(&browser).await, |at| *at > 0.0).await;
}

#[tokio::test]
async fn a_run_stops_when_its_page_is_left() {
    let (server, browser) = started().await;
    sees("the bar moves", async || progress(&browser).await, |at| *at > 0.0).await;
    browser.open("about:blank").await;
    let nobody = |(open, _): &(f64, f64)| *open == 0.0;
    sees("nobody is subscribed", async || streams(&server).await, nobody).await;
    // One event may still have been on its way when the last subscriber went.
    let (mut before, mut looks) = (0.0, 0);
    let looks_without_an_event = async || {
        let published = server.figure("fanfare_events_published_total").await;
        looks = if published > before { 0 } else { looks + 1 };
        before = published;
        looks
    };
    sees("the run has stopped", looks_without_an_event, |looks| *looks > 10).await;
}
