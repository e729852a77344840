//! What a test does with a page, and what it sees there.
//!
//! Everything is looked at again and again until it is as it should be: pages change while they
//! are looked at, and nothing here depends on how fast a machine is.

use std::fmt::Debug;
use std::time::Duration;

use fantoccini::Locator;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::chromium::Chromium;

/// A training run takes 25 s, on a machine that has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(120);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Looks until it sees what it wants; what it saw last is told when it gives up.
pub(crate) async fn sees<T: Debug>(
    what: &str,
    mut look: impl AsyncFnMut() -> T,
    filter: impl Fn(&T) -> bool,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = look().await;
        if filter(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "never happened: {what}; last seen: {seen:?}");
        sleep(BETWEEN_LOOKS).await;
    }
}

/// For what must not happen: looks for a while, and it must be the same all the time.
pub(crate) async fn stays<T: Debug + PartialEq>(
    what: &str,
    time: Duration,
    mut look: impl AsyncFnMut() -> T,
) {
    let first = look().await;
    let deadline = Instant::now() + time;
    while Instant::now() < deadline {
        assert_eq!(look().await, first, "{what}");
        sleep(BETWEEN_LOOKS).await;
    }
}

impl Chromium {
    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.expect("a page");
    }

    /// Runs a script in the page and returns what it returns.
    pub(crate) async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute(script, arguments).await.expect("a script that runs")
    }

    /// The text of an element.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let script = "return document.querySelector(arguments[0]).textContent.trim()";
        let text = self.run(script, vec![json!(selector)]).await;
        text.as_str().expect("text").to_owned()
    }

    /// The texts of all elements that there are, in their order.
    pub(crate) async fn texts(&self, selector: &str) -> Vec<String> {
        let script =
            "return Array.from(document.querySelectorAll(arguments[0]), e => e.textContent)";
        let texts = self.run(script, vec![json!(selector)]).await;
        serde_json::from_value(texts).expect("texts")
    }

    pub(crate) async fn attribute(&self, selector: &str, name: &str) -> String {
        let script = "return document.querySelector(arguments[0]).getAttribute(arguments[1])";
        let value = self.run(script, vec![json!(selector), json!(name)]).await;
        value.as_str().unwrap_or_else(|| panic!("{selector} has no {name}")).to_owned()
    }

    /// Clicks as a person would: it must be visible, and nothing may lie over it.
    pub(crate) async fn click(&self, selector: &str) {
        let element = self.client.find(Locator::Css(selector)).await.expect("an element");
        element.click().await.expect("it can be clicked");
    }

    /// Types into an empty field, key by key.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let element = self.client.find(Locator::Css(selector)).await.expect("a field");
        element.clear().await.expect("it can be emptied");
        element.send_keys(text).await.expect("it can be typed into");
    }

    /// Waits until the page says that its connection is in this state.
    pub(crate) async fn becomes(&self, state: &str) {
        let connection = async || self.attribute("#connection", "data-state").await;
        sees(&format!("the page is {state}"), connection, |seen| seen == state).await;
    }

    /// Waits until the text of an element is as it should be.
    pub(crate) async fn shows(&self, selector: &str, filter: impl Fn(&str) -> bool) -> String {
        let what = format!("{selector} shows what it should");
        sees(&what, async || self.text(selector).await, |text| filter(text)).await
    }
}
