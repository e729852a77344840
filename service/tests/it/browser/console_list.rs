//! The list of what arrives in the console: in view beside the forms, each event with its topic where
//! that is known, JSON folded, filtered, paused; and every field that an event can have.

use serde_json::{Value, json};

use super::chromium::Chromium;
use super::page::sees;
use crate::support::{EventStream, TestServer};

async fn subscribed(selectors: &str) -> (TestServer, Chromium) {
    let server = TestServer::start().await;
    let browser = Chromium::start().await;
    browser.open(&server.url("/demo/console")).await;
    browser.fill("#selectors", selectors).await;
    browser.click("#subscribe").await;
    browser.becomes("live").await;
    (server, browser)
}

/// The texts of a part of the rows that are visible, newest first.
async fn visible(browser: &Chromium, part: &str) -> Vec<String> {
    let script = "return [...document.querySelectorAll(`#events li ${arguments[0]}`)]
        .filter((part) => part.checkVisibility()).map((part) => part.textContent)";
    serde_json::from_value(browser.run(script, vec![json!(part)]).await).expect("texts")
}

async fn lists(browser: &Chromium, part: &str, expected: &[&str]) {
    sees(
        "the list is as it should be",
        async || visible(browser, part).await,
        |seen| seen == expected,
    )
    .await;
}

#[tokio::test]
async fn what_arrives_is_in_view_beside_the_forms_also_on_a_phone() {
    let (server, browser) = subscribed("news").await;
    for (size, scrolled) in
        [((1440, 900), 0), ((1440, 900), 4_000), ((390, 844), 0), ((390, 844), 500)]
    {
        browser.look(size, "light").await;
        let data = format!("{size:?} {scrolled}");
        server.publish("news", data.clone()).await;
        let newest = async || visible(&browser, ".data").await;
        sees("it arrives", newest, |seen| seen.first() == Some(&data)).await;
        // The middle of the newest row, and nothing lies over it.
        let script = "scrollTo(0, arguments[0]);
            const row = document.querySelector('#events li').getBoundingClientRect();
            const [x, y] = [row.left + row.width / 2, row.top + row.height / 2];
            return y > 0 && y < innerHeight && document.elementFromPoint(x, y)?.closest('#events') !== null
              && document.documentElement.scrollWidth <= innerWidth";
        let script = script.replacen("arguments[0]", &scrolled.to_string(), 1);
        assert_eq!(browser.run(&script, vec![]).await, json!(true), "{size:?} {scrolled}");
    }
}

#[tokio::test]
async fn the_topic_is_shown_where_it_is_known() {
    let (server, browser) = subscribed("news").await;
    server.publish("news", "one").await;
    lists(&browser, ".topic", &["news"]).await;

    browser.fill("#selectors", "orders/{id}\nnews").await;
    browser.click("#subscribe").await;
    browser.becomes("live").await;
    browser.click("#clear").await;
    server.publish("orders/1", "from elsewhere").await;
    lists(&browser, ".topic", &["topic not told"]).await;
    browser.fill("#topic", "orders/2").await;
    browser.click("#publish").await;
    lists(&browser, ".topic", &["orders/2", "topic not told"]).await;
}

#[tokio::test]
async fn json_is_folded_and_keeps_its_numbers_and_keys() {
    let (server, browser) = subscribed("news").await;
    let data = r#"{"big":12345678901234567890, "a":[1,{}],"text":"{\"x\": [1,2]}","a":[]}"#;
    server.publish("news", data).await;
    lists(&browser, "summary", &[data]).await;
    assert_eq!(visible(&browser, ".whole").await, Vec::<String>::new(), "folded");
    browser.click("#events summary").await;
    let pretty = r#"{
  "big": 12345678901234567890,
  "a": [
    1,
    {}
  ],
  "text": "{\"x\": [1,2]}",
  "a": []
}"#;
    lists(&browser, ".whole", &[pretty]).await;
    server.publish("news", "{no json}").await;
    lists(&browser, "pre.data", &["{no json}"]).await;
}

#[tokio::test]
async fn a_filter_shows_only_what_contains_its_text_also_of_what_comes() {
    let (server, browser) = subscribed("news").await;
    for data in ["apple", "pear"] {
        server.publish("news", data).await;
    }
    lists(&browser, ".data", &["pear", "apple"]).await;
    browser.fill("#filter", "APP").await;
    lists(&browser, ".data", &["apple"]).await;
    server.publish("news", "pineapple").await;
    server.publish("news", "plum").await;
    lists(&browser, ".data", &["pineapple", "apple"]).await;
    browser.shows("#events-total", |text| text == "4 received, 2 shown by the filter").await;
    browser
        .run(
            "const f = document.getElementById('filter'); f.value = '';
        f.dispatchEvent(new Event('input'))",
            vec![],
        )
        .await;
    lists(&browser, ".data", &["plum", "pineapple", "pear", "apple"]).await;
}

#[tokio::test]
async fn what_arrives_in_a_pause_waits_and_is_counted() {
    let (server, browser) = subscribed("news").await;
    server.publish("news", "before").await;
    lists(&browser, ".data", &["before"]).await;
    browser.click("#pause").await;
    assert_eq!(browser.attribute("#pause", "aria-pressed").await, "true");
    for number in 0..203 {
        server.publish("news", format!("event {number}")).await;
    }
    let expected = "204 received, the newest 200 kept, 200 waiting, 3 passed over";
    browser.shows("#events-total", |text| text == expected).await;
    lists(&browser, ".data", &["before"]).await;
    browser.click("#pause").await;
    let newest = async || visible(&browser, ".data").await;
    let seen = sees("what waited is shown", newest, |seen| seen.len() == 200).await;
    assert_eq!((&*seen[0], &*seen[199]), ("event 202", "event 3"));
}

#[tokio::test]
async fn an_event_is_published_with_every_field_of_the_form() {
    let server = TestServer::start().await;
    let mut reader = EventStream::open(server.get("/events/b")).await;
    let browser = Chromium::start().await;
    browser.open(&server.url("/demo/console")).await;
    let fields = [
        ("#topic", "a\nb"),
        ("#data", "x"),
        ("#type", "t"),
        ("#event-id", "mine"),
        ("#retry", "7000"),
    ];
    for (field, text) in fields {
        browser.fill(field, text).await;
    }
    browser.click("#private").await;
    browser.click("#end").await;
    let line = browser.text("#publish-curl").await;
    for part in
        ["topic=a", "topic=b", "data=x", "type=t", "id=mine", "retry=7000", "private=on", "end=on"]
    {
        assert!(line.contains(&format!(" -d {part}")), "{part}: {line}");
    }
    browser.click("#publish").await;
    browser.shows("#answer", |text| text == "mine").await;
    let event = reader.next().await.unwrap();
    let expected = (Some("mine"), Some("t"), "x", Some(7000));
    let seen = (event.id.as_deref(), event.event.as_deref(), &*event.data, event.retry);
    assert_eq!(seen, expected);
    assert_eq!(reader.next().await.unwrap().event.as_deref(), Some("fanfare-end"));

    // Both topics have ended now, and who has had everything of them is told so.
    browser.fill("#selectors", "a").await;
    browser.click("#subscribe").await;
    browser.shows("#subscribe-problem", |text| text.contains("have ended")).await;
    browser.becomes("closed").await;
}

#[tokio::test]
async fn the_console_begins_where_the_form_says() {
    let server = TestServer::start().await;
    for number in 0..5 {
        server.publish("news", number.to_string()).await;
    }
    let browser = Chromium::start().await;
    browser.open(&server.url("/demo/console")).await;
    browser.fill("#selectors", "news").await;
    for (field, text, expected) in
        [("#last", "2", vec!["4", "3"]), ("#since", "1h", vec!["4", "3", "2", "1", "0"])]
    {
        browser.fill(field, text).await;
        let line = browser.text("#subscribe-curl").await;
        let part = format!("{}={text}", &field[1..]);
        assert!(line.contains(&part), "{line}");
        browser.click("#clear").await;
        browser.click("#subscribe").await;
        browser.becomes("live").await;
        lists(&browser, ".data", &expected).await;
        browser.run("document.getElementById('last').value = ''", vec![]).await;
    }
    let shown: Value = browser
        .run("return document.getElementById('subscribe-problem').textContent", vec![])
        .await;
    assert_eq!(shown, json!(""));
}
