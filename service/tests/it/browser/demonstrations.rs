//! The clock, the system monitor and the stock ticker show what the server says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use fanfare::event::{Draft, EventType};
use fanfare::topic::Topic;
use regex::Regex;
use serde_json::{Value, json};

use super::chromium::Chromium;
use super::page::sees;
use crate::support::{EventStream, TestServer};

const SYMBOLS: [&str; 3] = ["AAPL", "GOOGL", "MSFT"];

async fn live(path: &str) -> (TestServer, Chromium) {
    let server = TestServer::start().await;
    let browser = Chromium::start().await;
    browser.open(&server.url(path)).await;
    browser.becomes("live").await;
    (server, browser)
}

#[tokio::test]
async fn the_clock_shows_hours_minutes_and_seconds_and_goes_on() {
    let (_server, browser) = live("/demo/clock").await;
    let form = Regex::new(r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$").unwrap();
    let first = browser.shows("#time", |text| form.is_match(text)).await;
    let second = browser.shows("#time", |text| text != first).await;
    assert!(form.is_match(&second), "{second}");
    browser.shows("#time", |text| text != first && text != second).await;
}

#[tokio::test]
async fn the_system_monitor_shows_values_and_bars_that_agree() {
    let (_server, browser) = live("/demo/system").await;
    let memory = Regex::new(r"^(\d{1,3}\.\d) % \((\d+) / (\d+) MB\)$").unwrap();
    let cpu = Regex::new(r"^\d{1,3}\.\d %$").unwrap();
    browser.shows("#cpu", |text| cpu.is_match(text)).await;
    let shown = browser.shows("#memory", |text| memory.is_match(text)).await;

    let parts = memory.captures(&shown).unwrap();
    let [percent, used, total] = [1, 2, 3].map(|i| parts[i].parse::<f64>().unwrap());
    assert!((percent - 100.0 * used / total).abs() < 0.2, "{shown}");

    // Figure and bar are written one after the other, between two looks.
    let script = "return ['cpu', 'memory'].map((name) => [
        document.getElementById(name).textContent,
        Number(document.getElementById(`${name}-bar`).getAttribute('aria-valuenow')).toFixed(1)]);";
    let pairs: Vec<[String; 2]> =
        serde_json::from_value(browser.run(script, vec![]).await).unwrap();
    for [figure, bar] in pairs {
        assert!(figure.starts_with(&format!("{bar} %")), "{figure} is drawn as {bar}");
    }
}

/// The prices of a ticker that shares nothing with the page: the last of each event name.
fn prices_of(mut stream: EventStream) -> Arc<Mutex<HashMap<String, String>>> {
    let prices = Arc::new(Mutex::new(HashMap::new()));
    let written = Arc::clone(&prices);
    tokio::spawn(async move {
        while let Some(event) = stream.next().await {
            let data: Value = serde_json::from_str(&event.data).expect("JSON");
            let price = format!("{:.2}", data["price"].as_f64().expect("a price"));
            written.lock().expect("a lock").insert(event.event.expect("a name"), price);
        }
    });
    prices
}

#[tokio::test]
async fn each_row_of_the_ticker_shows_the_last_event_that_bears_its_name() {
    let server = TestServer::start().await;
    let prices = prices_of(EventStream::open(server.get("/stream-stocks")).await);
    let browser = Chromium::start().await;
    browser.open(&server.url("/demo/stocks")).await;
    browser.becomes("live").await;

    let look = async || {
        let shown = browser.texts("tr[id] .price").await;
        let sent = prices.lock().expect("a lock").clone();
        (shown, SYMBOLS.map(|symbol| sent.get(symbol).cloned().unwrap_or_default()).to_vec())
    };
    let agree = |(shown, sent): &(Vec<String>, Vec<String>)| shown == sent;
    sees("every row shows the last price of its symbol", look, agree).await;

    let form = Regex::new(r"^([+-]\d+|0)\.\d\d$").unwrap();
    for change in browser.texts("tr[id] .change").await {
        assert!(form.is_match(&change), "{change}");
    }
    assert!(!browser.texts("tr[id] .updates").await.contains(&"0".to_owned()));
}

/// Notes every price that a row ever shows, as the ticker goes on by itself.
const NOTE_PRICES: &str = "
    window.shown = {};
    for (const row of document.querySelectorAll('tr[id]')) {
      const price = row.querySelector('.price');
      const seen = window.shown[row.id] = [];
      new MutationObserver(() => seen.push(price.textContent)).observe(price, { childList: true });
    }";

#[tokio::test]
async fn a_row_of_the_ticker_hears_its_own_event_name_and_no_other() {
    let (server, browser) = live("/demo/stocks").await;
    browser.run(NOTE_PRICES, vec![]).await;
    // The data names another symbol: what counts is the name of the event.
    for (name, price) in [("", 1.11), ("OTHER", 2.22), ("AAPL", 3.33), ("MSFT", 4.44)] {
        let data = json!({"symbol": "GOOGL", "price": price, "change": -0.5}).to_string();
        let mut draft = Draft::new(Topic::parse("demo/stocks", 100).unwrap(), data);
        if !name.is_empty() {
            draft = draft.named(EventType::parse(name).unwrap());
        }
        server.hub.publish(draft).await.unwrap();
    }
    let shown = async || browser.run("return window.shown", vec![]).await;
    let last =
        |shown: &Value| shown["MSFT"].as_array().is_some_and(|all| all.contains(&json!("4.44")));
    let shown = sees("the last of the events is shown", shown, last).await;
    let rows_with = |price: &str| -> Vec<&str> {
        let has = |row: &&str| shown[*row].as_array().expect("prices").contains(&json!(price));
        SYMBOLS.into_iter().filter(has).collect()
    };
    assert_eq!(rows_with("1.11"), Vec::<&str>::new());
    assert_eq!(rows_with("2.22"), Vec::<&str>::new());
    assert_eq!(rows_with("3.33"), ["AAPL"]);
    assert_eq!(rows_with("4.44"), ["MSFT"]);
}

/// How many points a chart has.
const POINTS: &str = "return (document.querySelector(arguments[0]).getAttribute('d') ?? '')
    .split(/[ML]/).length - 1";

#[tokio::test]
async fn the_charts_are_filled_at_once_with_what_is_retained() {
    const RETAINED: usize = 300;
    let server = TestServer::start().await;
    let stats = json!({"cpu_percent": 10.0, "memory_percent": 20.0, "memory_used_mb": 1.0,
        "memory_total_mb": 5.0});
    let price = json!({"symbol": "AAPL", "price": 3.0, "change": 0.1});
    for _ in 0..RETAINED {
        let draft =
            |topic, data: &Value| Draft::new(Topic::parse(topic, 100).unwrap(), data.to_string());
        server.hub.publish(draft("demo/system", &stats)).await.unwrap();
        let price = draft("demo/stocks", &price).named(EventType::parse("AAPL").unwrap());
        server.hub.publish(price).await.unwrap();
    }
    let browser = Chromium::start().await;
    for (path, chart) in [("system", "#cpu-chart .line"), ("stocks", "#AAPL .line")] {
        browser.open(&server.url(&format!("/demo/{path}"))).await;
        let points = async || browser.run(POINTS, vec![json!(chart)]).await.as_u64();
        // By itself it would take minutes.
        sees("a chart of all that is retained", points, |points| *points >= Some(300)).await;
    }
    browser.shows("#AAPL .updates", |text| text.parse::<usize>().unwrap() >= RETAINED).await;
}

#[tokio::test]
async fn a_time_without_values_is_a_gap_and_the_time_is_that_of_the_id() {
    let (_server, browser) = live("/demo/system").await;
    // Ids of the same epoch: two events a second apart, one 10 s later, and one out of sight before them.
    let script = "const done = arguments[0];
        Promise.all([import('/assets/time-series.js'), import('/assets/line-chart.js')]).then(([series, chart]) => {
          const DIGITS = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz';
          const word = (ms) => [6, 5, 4, 3, 2, 1, 0].map((i) => DIGITS[Math.floor(ms / 64 ** i) % 64]).join('');
          const add = series.createTimeSeries(120000);
          const from = 1795000000000;
          let points;
          for (const at of [-500000, 0, 1000, 11000]) points = add(at / 1000, `e:--------------${word(from + at)}`);
          const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
          document.body.append(svg);
          chart.createLineChart(svg)(points, { x: [from - 100000, from + 11000], y: [0, 100], gap: 4000 });
          requestAnimationFrame(() => done({
            times: points.map(([at]) => at - from),
            runs: svg.querySelector('.line').getAttribute('d').split('M').length - 1,
          }));
        });";
    let seen = browser.client.execute_async(script, vec![]).await.unwrap();
    assert_eq!(seen, json!({"times": [-500000, 0, 1000, 11000], "runs": 3}));
}
