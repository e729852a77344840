//! No page has a fault that axe-core finds: names for screen readers, contrast, roles, the order of
//! headings, what scrolls without a keyboard; wide and on a phone, in the light and in the dark theme,
//! each page with something on it.

use serde_json::{Value, json};

use super::chromium::Chromium;
use super::page::sees;
use crate::support::TestServer;

const CHECKER: &str = "tests/peers/node_modules/axe-core/axe.min.js";
const LOOKS: [((u32, u32), &str); 4] =
    [((1440, 900), "light"), ((1440, 900), "dark"), ((390, 844), "light"), ((390, 844), "dark")];

/// The faults that are found: the rule, and where.
async fn faults(browser: &Chromium) -> Vec<Value> {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(CHECKER);
    let checker = std::fs::read_to_string(&file);
    let checker = checker.expect("axe-core is missing: `make setup-tests` installs it");
    browser.run(&checker, vec![]).await;
    // Colours that are still on their way to others are those of no theme.
    let run = "const done = arguments[0];
        Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {})))
          .then(() => axe.run({ resultTypes: ['violations'] }))
          .then(({ violations, passes }) => done({ passed: passes.length,
            faults: violations.flatMap(({ id, help, nodes }) => nodes.map((node) => ({ id, help, where: node.html })))}),
            (error) => done({ passed: 0, faults: [String(error)] }));";
    let mut found = browser.client.execute_async(run, vec![]).await.expect("a script that runs");
    assert!(found["passed"].as_u64().is_some_and(|rules| rules > 10), "{found}");
    serde_json::from_value(found["faults"].take()).expect("a list")
}

async fn assert_no_faults(browser: &Chromium, what: &str) {
    for (size, theme) in LOOKS {
        browser.look(size, theme).await;
        let faults = faults(browser).await;
        assert!(faults.is_empty(), "{what}, {size:?}, {theme}: {faults:#?}");
    }
}

/// Or the tests below would show nothing.
#[tokio::test]
async fn a_fault_would_be_found() {
    let server = TestServer::start().await;
    let browser = Chromium::start().await;
    browser.open(&server.url("/demo/clock")).await;
    browser
        .run("document.querySelector('main').append(document.createElement('button'))", vec![])
        .await;
    let faults = faults(&browser).await;
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0]["id"], json!("button-name"));
}

#[tokio::test]
async fn the_pages_that_show_streams_have_no_faults() {
    let server = TestServer::start().await;
    let browser = Chromium::start().await;
    for path in ["/", "/demo/clock", "/demo/system", "/demo/stocks"] {
        browser.open(&server.url(path)).await;
        browser.becomes("live").await;
        assert_no_faults(&browser, path).await;
    }
}

#[tokio::test]
async fn the_pages_of_runs_have_no_faults_before_a_run_and_in_it() {
    let server = TestServer::start().await;
    let browser = Chromium::start().await;
    for (path, begin) in [
        ("/demo/training", "#start"),
        ("/demo/runs", "#begin"),
        ("/demo/slow-readers", "#begin"),
        ("/demo/readers", "#begin"),
    ] {
        browser.open(&server.url(path)).await;
        assert_no_faults(&browser, path).await;
        browser.click(begin).await;
        browser.becomes("live").await;
        if path == "/demo/runs" {
            let words = async || browser.texts("#first .word").await;
            sees("some words", words, |words| words.len() > 3).await;
            browser.click("#join").await;
            let again = async || browser.texts("#late .word.replayed").await;
            sees("words that were replayed", again, |words| words.len() > 3).await;
        }
        if path == "/demo/slow-readers" {
            browser.shows("[data-reader=\"fast\"] .read", |read| read != "0").await;
        }
        if path == "/demo/readers" {
            browser.shows("#p99", |text| text.ends_with('s')).await;
        }
        assert_no_faults(&browser, path).await;
    }
}

#[tokio::test]
async fn the_documents_have_no_faults() {
    let server = TestServer::start().await;
    let browser = Chromium::start().await;
    for path in ["/docs", "/docs/protocol", "/docs/clients", "/docs/recipes/language-model"] {
        browser.open(&server.url(path)).await;
        assert_no_faults(&browser, path).await;
    }
}

#[tokio::test]
async fn the_console_has_no_faults_empty_and_full_and_with_a_refusal() {
    let server = TestServer::start().await;
    let browser = Chromium::start().await;
    browser.open(&server.url("/demo/console")).await;
    assert_no_faults(&browser, "the empty console").await;

    browser.look(LOOKS[0].0, "light").await;
    browser.click("#subscribe").await;
    browser.becomes("live").await;
    server.publish("hello", r#"{"a":[1,2]}"#).await;
    server.publish("hello", "text\n".repeat(60)).await;
    let listed = async || browser.texts("#events li").await;
    sees("what was published", listed, |rows| rows.len() == 2).await;
    browser.run("document.querySelector('#events details').open = true", vec![]).await;
    browser.click("#token-panel summary").await;
    browser.click("#pause").await;
    browser.fill("#retry", "soon").await;
    browser.click("#publish").await;
    browser.shows("#answer", |text| text.starts_with("400 ")).await;
    assert_no_faults(&browser, "the full console").await;

    browser.look(LOOKS[0].0, "light").await;
    browser.click("#topics-panel summary").await;
    let topics = async || browser.texts("#topics .name button").await;
    sees("the topics", topics, |topics| topics.contains(&"hello".to_owned())).await;
    assert_no_faults(&browser, "the topics in the console").await;
    browser.look(LOOKS[0].0, "light").await;
    browser.fill("#topics-prefix", "hello").await;
    sees("the topic", topics, |topics| *topics == ["hello"]).await;
    browser.click("#topics .name button").await;
    let events = async || browser.texts("#topic-events pre").await;
    sees("its events", events, |events| events.len() == 2).await;
    assert_no_faults(&browser, "a topic in the console").await;
}

#[tokio::test]
async fn the_page_of_the_admin_listener_has_no_faults() {
    let server = TestServer::start().await;
    let _stream = crate::support::EventStream::open(server.get("/events/orders/42")).await;
    let browser = Chromium::start().await;
    browser.open(&format!("http://{}/", server.admin)).await;
    browser.becomes("live").await;
    browser.shows("#slowest .selectors", |text| text == "orders/42").await;
    server.publish("orders/42", "text\n".repeat(60)).await;
    let topics = async || browser.texts("#topics .name button").await;
    sees("the topic", topics, |topics| *topics == ["orders/42"]).await;
    // The rows are made anew while one looks at them.
    browser.run("document.querySelector('#topics .name button').click()", vec![]).await;
    let events = async || browser.texts("#topic-events pre").await;
    sees("its event", events, |events| events.len() == 1).await;
    assert_no_faults(&browser, "the admin page").await;
}
