//! The console: what is published by its form arrives in its list, a refusal is told in the
//! server's words, and the curl lines that it shows do the same from a shell.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use tokio::time::timeout;

use super::chromium::Chromium;
use super::page::sees;
use crate::support::{PATIENCE, TestServer};
use crate::tokens::{LEGACY, legacy};

async fn opened() -> (TestServer, Chromium) {
    let server = TestServer::start().await;
    let browser = Chromium::start().await;
    browser.open(&server.url("/demo/console")).await;
    browser.becomes("idle").await;
    (server, browser)
}

async fn subscribe(browser: &Chromium, selectors: &str) {
    browser.fill("#selectors", selectors).await;
    browser.click("#subscribe").await;
    browser.becomes("live").await;
}

/// Publishes by the form and returns the id that the server answered.
async fn publish(browser: &Chromium, topic: &str, event_type: &str, data: &str) -> String {
    let before = browser.text("#answer").await;
    browser.fill("#topic", topic).await;
    browser.fill("#type", event_type).await;
    browser.fill("#data", data).await;
    browser.click("#publish").await;
    let id = browser.shows("#answer", |text| !text.is_empty() && text != before).await;
    assert_eq!(browser.attribute("#answer", "data-kind").await, "published", "{id}");
    id
}

/// What the list shows, oldest first: id, type and data of each.
async fn listed(browser: &Chromium) -> Vec<[String; 3]> {
    let script = "return Array.from(document.querySelectorAll('#events li'), (row) =>
        ['.id', '.type', '.data'].map((part) => row.querySelector(part).textContent)).reverse()";
    serde_json::from_value(browser.run(script, vec![]).await).expect("rows")
}

async fn lists(browser: &Chromium, count: usize) -> Vec<[String; 3]> {
    sees("the list has grown", async || listed(browser).await, |rows| rows.len() >= count).await
}

fn row(id: String, event_type: &str, data: &str) -> [String; 3] {
    [id, event_type.to_owned(), data.to_owned()]
}

#[tokio::test]
async fn what_is_published_by_the_form_appears_with_its_id_and_type() {
    let (_server, browser) = opened().await;
    subscribe(&browser, "orders/{id}\nnews").await;
    let plain = publish(&browser, "news", "", "plain").await;
    publish(&browser, "elsewhere", "", "nobody asked for this").await;
    let named = publish(&browser, "orders/7", "created", "two\nlines").await;
    let expected = [row(plain, "message", "plain"), row(named, "created", "two\nlines")];
    assert_eq!(lists(&browser, 2).await, expected);
    assert_eq!(browser.text("#events-total").await, "2 received");
}

#[tokio::test]
async fn a_click_on_an_id_resumes_after_that_event() {
    let (server, browser) = opened().await;
    let first = server.publish("news", "one").await;
    let second = server.publish("news", "two").await;
    browser.fill("#resume", "earliest").await;
    subscribe(&browser, "news").await;
    let rows = lists(&browser, 2).await;
    assert_eq!(rows, [row(first.clone(), "message", "one"), row(second.clone(), "message", "two")]);

    browser.click("#events li:last-child .id").await;
    assert_eq!(browser.run("return document.getElementById('resume').value", vec![]).await, first);
    browser.click("#clear").await;
    browser.click("#subscribe").await;
    assert_eq!(lists(&browser, 1).await, [row(second, "message", "two")]);
}

#[tokio::test]
async fn a_refused_event_is_told_in_the_words_of_the_server() {
    let (_server, browser) = opened().await;
    browser.fill("#type", &"t".repeat(300)).await;
    browser.click("#publish").await;
    let response = browser.shows("#answer", |text| !text.is_empty()).await;
    assert_eq!(browser.attribute("#answer", "data-kind").await, "problem");
    assert!(
        response.starts_with("400 ") && response.contains("the type has 300 bytes"),
        "{response}"
    );

    // Once it is put right, the complaint is gone.
    publish(&browser, "news", "short", "data").await;
}

#[tokio::test]
async fn a_refused_subscription_is_told_and_not_tried_again() {
    let (server, browser) = opened().await;
    browser.fill("#selectors", "orders/{id:9999}").await;
    browser.click("#subscribe").await;
    let problem = browser.shows("#subscribe-problem", |text| !text.is_empty()).await;
    assert!(problem.starts_with("400 ") && problem.contains("URI Template"), "{problem}");
    browser.becomes("closed").await;
    assert_eq!(server.figure("fanfare_streams_opened_total").await, 0.0);

    subscribe(&browser, "orders/{id}").await;
    assert_eq!(browser.text("#subscribe-problem").await, "");
}

#[tokio::test]
async fn unsubscribing_ends_the_stream() {
    let (server, browser) = opened().await;
    subscribe(&browser, "news").await;
    browser.click("#unsubscribe").await;
    browser.becomes("closed").await;
    let open = async || server.figure("fanfare_subscribers").await;
    sees("nobody is subscribed", open, |open| *open == 0.0).await;
}

/// A command that ends with its test.
struct Running(Child);

impl Running {
    fn shell(line: &str) -> Self {
        // In place of the shell, so that what is ended is the command itself.
        let command = format!("exec {line}");
        let child = Command::new("sh")
            .args(["-c", &command])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("a shell"))
    }

    /// Its first lines that begin with this, as they come.
    async fn lines(&mut self, start: &'static str, count: usize) -> Vec<String> {
        let output = self.0.stdout.take().expect("piped");
        let read = move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.filter(|line| line.starts_with(start)).take(count).collect()
        };
        let lines = timeout(PATIENCE, tokio::task::spawn_blocking(read));
        lines.await.expect("lines in time").expect("lines")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_curl_lines_shown_work_in_a_shell() {
    // Everything that a shell would take for its own.
    const DATA: &str = "it's \"50 %\" of $HOME & `date` \\ ü";
    let (server, browser) = opened().await;
    browser.fill("#selectors", "it's $HOME\nnews/{id}").await;
    browser.fill("#topic", "it's $HOME").await;
    browser.fill("#type", "a b&c").await;
    browser.fill("#data", &format!("{DATA}\n@second line")).await;

    let mut listening = Running::shell(&browser.text("#subscribe-curl").await);
    let open = async || server.figure("fanfare_subscribers").await;
    sees("curl is subscribed", open, |open| *open == 1.0).await;
    let mut speaking = Running::shell(&browser.text("#publish-curl").await);
    let id = speaking.lines("", 1).await.pop().expect("an id");

    let expected = [
        format!("id: {id}"),
        "event: a b&c".to_owned(),
        format!("data: {DATA}"),
        "data: @second line".to_owned(),
    ];
    let mut lines = listening.lines("", 8).await;
    lines.retain(|line| !line.is_empty() && !line.starts_with(':'));
    assert!(lines[0].starts_with("id: e:"), "the place of the stream: {lines:?}");
    assert_eq!(lines[1..], expected);
}

#[tokio::test]
async fn the_curl_line_shown_resumes_as_the_page_would() {
    let (server, browser) = opened().await;
    let first = server.publish("hello", "one").await;
    server.publish("hello", "two").await;
    browser.fill("#resume", &first).await;
    let mut listening = Running::shell(&browser.text("#subscribe-curl").await);
    assert_eq!(listening.lines("data: ", 1).await, ["data: two"]);
}

#[tokio::test]
async fn the_two_lines_of_the_home_page_work_in_a_shell() {
    let server = TestServer::start().await;
    let browser = Chromium::start().await;
    browser.open(&server.url("/")).await;
    browser.becomes("live").await;
    let mut listening = Running::shell(&browser.text("#subscribe-curl").await);
    let open = async || server.figure("fanfare_subscribers").await;
    sees("curl and the page are subscribed", open, |open| *open == 2.0).await;
    let _speaking = Running::shell(&browser.text("#publish-curl").await);
    assert_eq!(listening.lines("data: ", 1).await, ["data: Hello, world"]);
}

#[tokio::test]
async fn a_server_that_asks_for_a_token_gets_the_one_of_the_field_from_both_forms() {
    let server = TestServer::start_with(&LEGACY).await;
    let browser = Chromium::start().await;
    browser.open(&server.url("/demo/console")).await;
    browser.fill("#selectors", "news").await;
    browser.click("#subscribe").await;
    let problem = browser.shows("#subscribe-problem", |text| !text.is_empty()).await;
    assert!(problem.starts_with("401 ") && problem.contains("needs a token"), "{problem}");
    let is_open = browser.run("return document.getElementById('token-panel').open", vec![]).await;
    assert_eq!(is_open, true, "the field is where it is asked for");

    let token = legacy(&["--publish", "news", "--subscribe", "news"]);
    browser.fill("#token", &token).await;
    subscribe(&browser, "news").await;
    let first = publish(&browser, "news", "", "one").await;
    assert_eq!(lists(&browser, 1).await, [row(first, "message", "one")]);
    browser.fill("#topic", "other").await;
    browser.click("#publish").await;
    browser.shows("#answer", |text| text.starts_with("403 ")).await;

    for shown in ["#subscribe-curl", "#publish-curl"] {
        let line = browser.text(shown).await;
        assert!(line.ends_with("-H \"Authorization: Bearer $TOKEN\""), "{line}");
        assert!(!line.contains(&token), "{line}");
    }
    // It outlives a reload of the page, and is not in its address.
    browser.open(&server.url("/demo/console")).await;
    subscribe(&browser, "news").await;
    let address = browser.run("return location.href", vec![]).await;
    assert_eq!(address, server.url("/demo/console"));
}
