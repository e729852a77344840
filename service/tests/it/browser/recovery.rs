//! The connection or the server goes away and comes back: each page says so, and recovers by
//! itself; nothing that the server still has is lost, and what it no longer has is told.

use super::chromium::Chromium;
use super::line::Line;
use super::page::sees;
use crate::support::TestServer;

async fn opened(url: &str, begin: Option<&str>) -> Chromium {
    let browser = Chromium::start().await;
    browser.open(url).await;
    if let Some(button) = begin {
        browser.click(button).await;
    }
    browser.becomes("live").await;
    browser
}

async fn restart(server: TestServer, browser: &Chromium) -> TestServer {
    let address = server.address.to_string();
    server.stop().await;
    browser.becomes("reconnecting").await;
    TestServer::start_at(&address, &[]).await
}

/// The element whose text shows that events arrive again.
async fn recovers(path: &str, sign_of_life: &str) {
    let server = TestServer::start_at_own_address(&[]).await;
    let browser = opened(&server.url(path), None).await;
    let before = browser.shows(sign_of_life, |text| !matches!(text, "" | "–" | "0")).await;
    let _server = restart(server, &browser).await;
    browser.becomes("live").await;
    browser.shows(sign_of_life, |text| text != before).await;
}

#[tokio::test]
async fn the_home_page_recovers_when_the_server_comes_back() {
    recovers("/", "#uptime").await;
}

#[tokio::test]
async fn the_clock_recovers_when_the_server_comes_back() {
    recovers("/demo/clock", "#time").await;
}

#[tokio::test]
async fn the_system_monitor_recovers_when_the_server_comes_back() {
    recovers("/demo/system", "#cpu").await;
}

#[tokio::test]
async fn the_stock_ticker_recovers_when_the_server_comes_back() {
    recovers("/demo/stocks", "#AAPL .updates").await;
}

#[tokio::test]
async fn the_console_recovers_when_the_server_comes_back_and_tells_what_is_gone() {
    let server = TestServer::start_at_own_address(&[]).await;
    let browser = opened(&server.url("/demo/console"), Some("#subscribe")).await;
    server.publish("hello", "before").await;
    browser.shows("#events", |text| text.contains("before")).await;
    assert_eq!(browser.text("#notice").await, "", "nothing is missing yet");

    let server = restart(server, &browser).await;
    browser.becomes("live").await;
    browser.shows("#notice", |text| text.contains("no longer has everything")).await;
    server.publish("hello", "after").await;
    browser.shows("#events", |text| text.contains("after")).await;
    browser.click("#notice button").await;
    assert_eq!(browser.text("#notice").await, "");
}

#[tokio::test]
async fn a_training_run_that_is_lost_is_said_to_be_lost_and_not_started_again() {
    let server = TestServer::start_at_own_address(&[]).await;
    let address = server.address.to_string();
    let browser = opened(&server.url("/demo/training"), Some("#start")).await;
    server.stop().await;
    browser.becomes("idle").await;
    browser.shows("#status", |text| text.starts_with("The connection was lost")).await;
    let server = TestServer::start_at(&address, &[]).await;
    browser.click("#start").await;
    browser.becomes("live").await;
    assert_eq!(browser.attribute("main", "data-runs").await, "2");
    assert_eq!(server.figure("fanfare_streams_opened_total").await, 1.0);
}

#[tokio::test]
async fn what_is_published_while_the_console_is_cut_off_arrives_once_and_in_order() {
    let server = TestServer::start().await;
    let line = Line::to(server.address).await;
    let browser = opened(&line.url("/demo/console"), Some("#subscribe")).await;
    let mut sent: Vec<String> = Vec::new();
    for _ in 0..2 {
        // Some of these are on their way when the line is cut.
        send(&server, &mut sent, 30).await;
        line.cut();
        browser.becomes("reconnecting").await;
        send(&server, &mut sent, 30).await;
        line.mend();
        browser.becomes("live").await;
    }
    send(&server, &mut sent, 30).await;
    let newest = async || browser.texts("#events li:first-child .data").await;
    sees("the last one has arrived", newest, |seen| seen.first() == sent.last()).await;
    let mut arrived = browser.texts("#events .data").await;
    arrived.reverse();
    assert_eq!(arrived, sent);
    assert_eq!(browser.text("#notice").await, "");
}

/// Publishes the next numbers.
async fn send(server: &TestServer, sent: &mut Vec<String>, count: usize) {
    for _ in 0..count {
        sent.push(format!("event {}", sent.len()));
        server.publish("hello", sent.last().cloned().expect("just pushed")).await;
    }
}
