//! Every page comes to life and complains about nothing: no error of a script, no request that is
//! refused, no violation of the policy that the pages are served with.

use reqwest::StatusCode;

use super::chromium::Chromium;
use crate::support::TestServer;

/// The pages, and what must be clicked before there is a stream.
const PAGES: [(&str, Option<&str>); 9] = [
    ("/", None),
    ("/demo/clock", None),
    ("/demo/system", None),
    ("/demo/stocks", None),
    ("/demo/training", Some("#start")),
    ("/demo/runs", Some("#begin")),
    ("/demo/slow-readers", Some("#begin")),
    ("/demo/readers", Some("#begin")),
    ("/demo/console", Some("#subscribe")),
];

#[tokio::test]
async fn every_page_comes_to_life_and_complains_about_nothing() {
    let server = TestServer::start().await;
    let browser = Chromium::start().await;
    for (path, begin) in PAGES {
        browser.open(&server.url(path)).await;
        if let Some(button) = begin {
            browser.becomes("idle").await;
            browser.click(button).await;
        }
        browser.becomes("live").await;
        assert_eq!(browser.console_messages().await, Vec::<String>::new(), "on {path}");
    }
}

#[tokio::test]
async fn the_home_page_shows_who_listens() {
    let server = TestServer::start().await;
    let browser = Chromium::start().await;
    browser.open(&server.url("/")).await;
    browser.becomes("live").await;
    assert_eq!(browser.attribute("body", "data-demos").await, "on");
    // The page itself is the one who listens, and the one who is delivered to.
    browser.shows("#subscribers", |text| text == "1").await;
    browser.shows("#deliveries", |text| text == "1").await;
}

#[tokio::test]
async fn the_console_leads_to_the_document_that_describes_its_forms() {
    let server = TestServer::start().await;
    let browser = Chromium::start().await;
    browser.open(&server.url("/demo/console")).await;
    browser.click("#begin-hint a").await;
    browser.shows("h1", |text| text == "The HTTP interface").await;
    browser.shows("h2:target", |text| text == "Subscribing").await;
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
}

/// Or the test above would show nothing.
#[tokio::test]
async fn a_violation_of_the_policy_would_be_noticed() {
    let server = TestServer::start().await;
    let browser = Chromium::start().await;
    browser.open(&server.url("/demo/console")).await;
    let script = "const e = document.createElement('script'); e.textContent = 'window.ran = true'; \
                  document.head.append(e); return window.ran === true";
    assert_eq!(browser.run(script, vec![]).await, false);
    let messages = browser.console_messages().await;
    assert!(
        messages.iter().any(|message| message.contains("Content Security Policy")),
        "{messages:?}"
    );
}

#[tokio::test]
async fn without_the_demonstrations_the_home_page_offers_none_and_their_pages_are_gone() {
    let server = TestServer::start_with(&["--demos=false"]).await;
    for path in [
        "/demo/clock",
        "/demo/system",
        "/demo/training",
        "/demo/stocks",
        "/demo/runs",
        "/demo/slow-readers",
        "/demo/readers",
        "/stream-time",
    ] {
        let response = server.get(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/word-runs", "/slow-reader-runs", "/reader-runs"] {
        let response = server.post(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let browser = Chromium::start().await;
    browser.open(&server.url("/")).await;
    browser.becomes("live").await;
    assert_eq!(browser.attribute("body", "data-demos").await, "off");
    assert_eq!(browser.run(VISIBLE_LINKS, vec![]).await, serde_json::json!(["/demo/console"]));
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
}

/// The demonstrations that a visitor can see links to, each once.
const VISIBLE_LINKS: &str = "
    const links = Array.from(document.querySelectorAll('a[href^=\"/demo/\"]'));
    const visible = links.filter((link) => link.checkVisibility());
    return [...new Set(visible.map((link) => link.getAttribute('href')))];";
