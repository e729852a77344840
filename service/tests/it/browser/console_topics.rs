//! The topics in the console: there on the server's own machine, where the admin listener lets the page read
//! them; a click on one puts it into both forms.

use std::net::SocketAddr;
use std::time::Duration;

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::chromium::Chromium;
use super::page::{sees, stays};
use super::site::RESOLVE;
use crate::support::{EventStream, Program, TestServer};

/// As WebDriver writes the key.
const ENTER: char = '\u{e007}';
const TOKEN: &str = "the-token-of-these-tests-which-is-long-enough";

/// Waits until there is a list, and opens it.
async fn open_topics(browser: &Chromium) {
    sees("a list of topics", async || is_there(browser).await, |there| *there).await;
    browser.click("#topics-panel summary").await;
}

async fn is_there(browser: &Chromium) -> bool {
    let there = "return document.getElementById('topics-panel').checkVisibility()";
    browser.run(there, vec![]).await == json!(true)
}

async fn named(browser: &Chromium) -> Vec<String> {
    browser.texts("#topics .name button").await
}

/// What stands in the two forms.
async fn in_the_forms(browser: &Chromium) -> Value {
    let script =
        "return ['selectors', 'topic'].map((field) => document.getElementById(field).value)";
    browser.run(script, vec![]).await
}

/// How often the page has asked the admin listener.
async fn asked(browser: &Chromium) -> Value {
    let script = "return performance.getEntriesByType('resource')
        .filter(({ name }) => name.includes('/topics')).length";
    browser.run(script, vec![]).await
}

#[tokio::test]
async fn a_topic_that_was_published_is_listed_and_a_click_puts_it_into_both_forms() {
    let browser = Chromium::start().await;
    for host in ["127.0.0.1", "localhost"] {
        let server = TestServer::start_with(&["--demos=false"]).await;
        server.publish("orders/42", "one").await;
        server.publish("orders/42", "1 & 2").await;
        browser.open(&format!("http://{host}:{}/demo/console", server.address.port())).await;
        open_topics(&browser).await;
        assert_eq!(named(&browser).await, ["orders/42"], "{host}");
        assert_eq!(browser.texts("#topics .events").await, ["2"]);
        browser.click("#topics .name button").await;
        let events = async || browser.texts("#topic-events pre").await;
        sees("its events", events, |events| *events == ["1 & 2", "one"]).await;
        assert_eq!(in_the_forms(&browser).await, json!(["orders/42", "orders/42"]));
        for line in ["#subscribe-curl", "#publish-curl"] {
            let line = browser.text(line).await;
            assert!(line.contains("orders/42") || line.contains("orders%2F42"), "{line}");
        }
        browser.click("#subscribe").await;
        browser.becomes("live").await;
        server.publish("orders/42", host).await;
        let arrived = async || browser.texts("#events .data").await;
        sees("what comes", arrived, |data| *data == [host]).await;
        assert_eq!(browser.console_messages().await, Vec::<String>::new(), "{host}");
    }
}

#[tokio::test]
async fn topics_are_filtered_turned_and_opened_with_the_keyboard() {
    let server = TestServer::start_with(&["--demos=false"]).await;
    let browser = Chromium::start().await;
    browser.open(&server.url("/demo/console")).await;
    open_topics(&browser).await;
    browser.shows("#topics-none", |text| text == "No topic has an event in memory.").await;
    let names: Vec<_> = (0..20).map(|number| format!("orders/{number}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "x".to_owned())).collect();
    server.publish_all(&many).await;
    let named = async || named(&browser).await;
    let first = sees("what came while it is open", named, |names| names.len() == 15).await;
    browser.click("#topics-next").await;
    let rest = sees("the rest of them", named, |names| names.len() == 5).await;
    assert!(rest.iter().all(|name| !first.contains(name)), "{first:?} {rest:?}");
    browser.click("#topics-previous").await;
    sees("the first page", named, |names| *names == first).await;

    let _stream = EventStream::open(server.get("/events/orders/7")).await;
    server.publish_form(&[("topic", "orders/7"), ("data", "x"), ("end", "on")]).await;
    browser.fill("#topics-prefix", "orders/7").await;
    sees("one topic", named, |names| *names == ["orders/7"]).await;
    browser.shows("#topics .name small", |marks| marks == "ended").await;
    browser.fill("#topics-prefix", "nothing").await;
    browser.shows("#topics-none", |text| text.contains("nothing")).await;
    browser.fill("#topics-prefix", "orders/1").await;
    sees("others", named, |names| names.len() == 11).await;

    browser.run("document.querySelector('#topics .name button').focus()", vec![]).await;
    let chosen = browser.text("#topics .name button").await;
    let keys = KeyActions::new("keyboard".to_owned());
    let keys = keys.then(KeyAction::Down { value: ENTER }).then(KeyAction::Up { value: ENTER });
    browser.client.perform_actions(keys).await.expect("the page takes keys");
    let active = "return document.activeElement.id || document.activeElement.dataset.topic";
    let active = async || browser.run(active, vec![]).await;
    sees("the topic", active, |id| *id == json!("topic-title")).await;
    assert_eq!(in_the_forms(&browser).await, json!([&chosen, &chosen]));
    browser.click("#topic-close").await;
    assert_eq!(active().await, json!(chosen));
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
}

#[tokio::test]
async fn topics_are_asked_for_again_only_while_they_are_shown() {
    let server = TestServer::start_with(&["--demos=false"]).await;
    let browser = Chromium::start().await;
    browser.open(&server.url("/demo/console")).await;
    sees("a list of topics", async || is_there(&browser).await, |there| *there).await;
    let asked = async || asked(&browser).await;
    // Longer than the pause between two questions.
    stays("closed it asks nothing", Duration::from_secs(3), asked).await;
    browser.click("#topics-panel summary").await;
    let before = asked().await.as_u64().unwrap();
    sees("open it asks", asked, |asked| asked.as_u64() >= Some(before + 2)).await;
    browser.click("#topics-panel summary").await;
    let panel = "return document.getElementById('topics-panel').open";
    assert_eq!(browser.run(panel, vec![]).await, json!(false));
    // What was on its way when it was closed may still be counted.
    let settled = async || {
        let before = asked().await;
        browser.run("return fetch('/demo/console').then(() => true)", vec![]).await;
        before == asked().await
    };
    sees("nothing is on its way", settled, |settled| *settled).await;
    stays("closed again it asks nothing", Duration::from_secs(3), asked).await;
}

#[tokio::test]
async fn where_a_token_is_needed_there_is_nothing_of_topics_and_what_was_open_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, token) = (folder.path().join("fanfare.toml"), folder.path().join("token"));
    std::fs::write(&settings, "").unwrap();
    std::fs::write(&token, TOKEN).unwrap();
    let program = Program::start(&["--config", settings.to_str().unwrap()]);
    let browser = Chromium::start().await;
    let console = format!("{}/demo/console", program.url);
    browser.open(&console).await;
    open_topics(&browser).await;

    // From now on there is a token, and the page that is open was told of the listener before.
    let with_token = format!("admin-token-file = {:?}\n", token.to_str().unwrap());
    std::fs::write(&settings, with_token).unwrap();
    program.signal(Signal::HUP);
    browser.shows("#topics-problem", |text| text.contains("does not let this page read")).await;
    browser.open(&console).await;
    sees("it was refused", async || asked(&browser).await, |asked| *asked == json!(1)).await;
    assert!(!is_there(&browser).await);

    let with_token = Program::start(&["--admin-token-file", token.to_str().unwrap()]);
    browser.open(&format!("{}/demo/console", with_token.url)).await;
    browser.becomes("idle").await;
    assert!(!is_there(&browser).await);
    assert_eq!(asked(&browser).await, json!(0), "it was told of no listener to ask");
}

/// A proxy in front of a server, as some are by default: it calls that by the address that it knows, and does
/// not say who has called it.
async fn proxy(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((visitor, _)) = listener.accept().await {
            tokio::spawn(pass_on(visitor, server));
        }
    });
    address
}

async fn pass_on(mut visitor: TcpStream, server: SocketAddr) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if visitor.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8_lossy(&head);
    let [request, fields @ ..] = &head.trim_end().split("\r\n").collect::<Vec<_>>()[..] else {
        return;
    };
    let is_own = |field: &str| {
        let field = field.to_ascii_lowercase();
        field.starts_with("host:") || field.starts_with("connection:")
    };
    let kept: String =
        fields.iter().filter(|field| !is_own(field)).map(|field| format!("{field}\r\n")).collect();
    let head = format!("{request}\r\nHost: {server}\r\nConnection: close\r\n{kept}\r\n");
    let mut server = TcpStream::connect(server).await.expect("the server");
    let _ = server.write_all(head.as_bytes()).await;
    let _ = tokio::io::copy(&mut server, &mut visitor).await;
    let _ = visitor.shutdown().await;
}

#[tokio::test]
async fn visitors_of_a_proxy_are_not_sent_to_their_own_machines() {
    let server = TestServer::start_with(&["--demos=false"]).await;
    let proxy = proxy(server.address).await;
    let browser = Chromium::start_with(&[RESOLVE]).await;
    browser.open(&format!("http://elsewhere.example:{}/demo/console", proxy.port())).await;
    browser.becomes("idle").await;
    let told = browser.attribute("body", "data-admin").await;
    assert_eq!(told, format!("http://{}", server.admin), "the server cannot know better");
    // The last thing that the page does at its start.
    browser.shows("#publish-curl", |line| !line.is_empty()).await;
    stays("it asks nobody", Duration::from_secs(1), async || asked(&browser).await).await;
    assert_eq!(asked(&browser).await, json!(0));
    assert!(!is_there(&browser).await);
}
