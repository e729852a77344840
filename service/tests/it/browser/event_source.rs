//! The browser's own `EventSource`, with nothing of ours in between: what it makes of our bytes,
//! and that it finds its place again by itself.

use serde::Deserialize;
use serde_json::{Value, json};

use super::chromium::Chromium;
use super::line::Line;
use super::page::sees;
use crate::support::TestServer;
use crate::tokens::{LEGACY, legacy};

/// An event as a handler of the page got it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(super) struct Got {
    #[serde(rename = "type")]
    event_type: String,
    id: String,
    pub(super) data: String,
}

/// How a source stands.
#[derive(Debug, Deserialize)]
pub(super) struct Standing {
    /// 0 is connecting, 1 is open, 2 is closed for good.
    pub(super) state: u8,
    pub(super) opened: u32,
    pub(super) failed: u32,
}

const OPEN: &str = "
    const source = new EventSource(arguments[0]);
    window.source = source;
    window.got = [];
    window.opened = window.failed = 0;
    source.onopen = () => { window.opened += 1; };
    source.onerror = () => { window.failed += 1; };
    for (const name of ['message', ...arguments[1]]) {
      source.addEventListener(name, ({ type, lastEventId, data }) => {
        window.got.push({ type, id: lastEventId, data });
      });
    }";

const STANDING: &str = "
    return { state: window.source.readyState, opened: window.opened, failed: window.failed }";

/// A source that the page of this browser has opened.
pub(super) struct Source<'a>(&'a Chromium);

impl<'a> Source<'a> {
    pub(super) async fn open(browser: &'a Chromium, url: &str, names: &[&str]) -> Self {
        browser.run(OPEN, vec![json!(url), json!(names)]).await;
        Self(browser)
    }

    pub(super) async fn opened(browser: &'a Chromium, url: &str, names: &[&str]) -> Self {
        let source = Self::open(browser, url, names).await;
        source.stands("open", |standing| standing.state == 1).await;
        source
    }

    pub(super) async fn stands(&self, what: &str, filter: impl Fn(&Standing) -> bool) -> Standing {
        let look = async || {
            let standing: Value = self.0.run(STANDING, vec![]).await;
            serde_json::from_value(standing).expect("a standing")
        };
        sees(&format!("the source is {what}"), look, filter).await
    }

    /// Waits until the last event has this data, and returns all.
    pub(super) async fn got_until(&self, last: &str) -> Vec<Got> {
        let script = "return window.got.some((event) => event.data === arguments[0])";
        let look = async || self.0.run(script, vec![json!(last)]).await;
        sees("the last event arrives", look, |arrived| *arrived == true).await;
        serde_json::from_value(self.0.run("return window.got", vec![]).await).expect("events")
    }
}

fn got(event_type: &str, id: &str, data: &str) -> Got {
    Got { event_type: event_type.to_owned(), id: id.to_owned(), data: data.to_owned() }
}

async fn page() -> (TestServer, Chromium) {
    let server = TestServer::start().await;
    let browser = Chromium::start().await;
    browser.open(&server.url("/demo/console")).await;
    (server, browser)
}

#[tokio::test]
async fn data_arrives_as_it_was_sent_with_each_line_break_as_a_newline() {
    let (server, browser) = page().await;
    let source = Source::opened(&browser, "/events/x", &[]).await;
    let sent_and_got = [
        ("a\rb", "a\nb"),
        ("a\nb", "a\nb"),
        ("a\r\nb", "a\nb"),
        ("a\r\r\n\nb", "a\n\n\nb"),
        ("\n", "\n"),
        ("\r\n", "\n"),
        ("ends\n", "ends\n"),
        ("\rbegins", "\nbegins"),
        ("", ""),
        (" one space", " one space"),
        ("   three, and a trailing one ", "   three, and a trailing one "),
        ("\ttab", "\ttab"),
        (": no comment", ": no comment"),
        (
            "id: 1\nevent: no\nretry: 5\ndata: x\n\ndata: y",
            "id: 1\nevent: no\nretry: 5\ndata: x\n\ndata: y",
        ),
        ("🎺 👩‍👩‍👧 ü \u{2028} \u{85}", "🎺 👩‍👩‍👧 ü \u{2028} \u{85}"),
        ("\u{feff}a mark", "\u{feff}a mark"),
        ("the last", "the last"),
    ];
    let mut expected = Vec::new();
    for (data, arrives) in sent_and_got {
        let id = server.publish("x", data).await;
        expected.push(got("message", &id, arrives));
    }
    assert_eq!(source.got_until("the last").await, expected);
}

#[tokio::test]
async fn an_event_of_one_mebibyte_arrives_whole() {
    let (server, browser) = page().await;
    let source = Source::opened(&browser, "/events/x", &[]).await;
    // No two places are alike, and characters of four bytes fall on every boundary.
    let mut large: String = (0..).map(|i| format!("{i} 🎺\n")).take(100_000).collect();
    large.truncate(large.floor_char_boundary(1 << 20));
    large.extend(std::iter::repeat_n('.', (1 << 20) - large.len()));
    server.publish("x", large.clone()).await;
    server.publish("x", "after it").await;
    let got = source.got_until("after it").await;
    assert_eq!(got.len(), 2);
    assert!(got[0].data == large, "{} bytes arrived, and differ", got[0].data.len());
}

#[tokio::test]
async fn handlers_hear_the_event_name_they_asked_for_with_the_id_of_the_event() {
    let (server, browser) = page().await;
    let source = Source::opened(&browser, "/events/x", &["created", "größer: als"]).await;
    let mut expected = Vec::new();
    for name in ["", "created", "deleted", "größer: als", "message"] {
        let id = server.publish_form(&[("topic", "x"), ("type", name), ("data", name)]).await;
        if name != "deleted" {
            expected.push(got(if name.is_empty() { "message" } else { name }, &id, name));
        }
    }
    let own = server.publish_form(&[("topic", "x"), ("id", "my own: ü"), ("data", "last")]).await;
    assert_eq!(own, "my own: ü");
    expected.push(got("message", "my own: ü", "last"));
    assert_eq!(source.got_until("last").await, expected);
}

#[tokio::test]
async fn after_a_cut_it_continues_by_itself_and_nothing_is_lost_or_repeated() {
    let server = TestServer::start().await;
    let line = Line::to(server.address).await;
    let browser = Chromium::start().await;
    browser.open(&line.url("/demo/console")).await;
    let source = Source::opened(&browser, "/events/x", &["fanfare-gap"]).await;
    // Sooner than the browser would by itself.
    server.publish_form(&[("topic", "x"), ("data", "0"), ("retry", "100")]).await;
    let mut sent = 0;
    for cut in 1..=3 {
        // Some of these are on their way when the line is cut.
        send(&server, &mut sent, 30).await;
        line.cut();
        source.stands("cut off", |standing| standing.state == 0 && standing.failed >= cut).await;
        send(&server, &mut sent, 30).await;
        line.mend();
        source.stands("open again", |standing| standing.state == 1 && standing.opened > cut).await;
    }
    send(&server, &mut sent, 30).await;
    let got = source.got_until(&sent.to_string()).await;
    let data: Vec<_> = got.into_iter().map(|event| event.data).collect();
    assert_eq!(data, (0..=sent).map(|i| i.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn with_a_ticket_it_is_cut_three_times_and_comes_back_to_private_events() {
    let server = TestServer::start_with(&LEGACY).await;
    let line = Line::to(server.address).await;
    let browser = Chromium::start().await;
    browser.open(&line.url("/demo/console")).await;
    let token = legacy(&["--subscribe", "x", "--publish", "x"]);
    let request = server.post("/tickets").bearer_auth(&token).send().await.unwrap();
    let path = format!("/events/x?ticket={}", request.text().await.unwrap());
    let source = Source::opened(&browser, &path, &["fanfare-gap"]).await;
    let send = async |number: u32| {
        let path = format!("/events/x?private&id=number-{number}&retry=100");
        let request = server.post(&path).bearer_auth(&token).body(number.to_string());
        assert_eq!(request.send().await.unwrap().status(), 200);
    };
    let mut sent = 0;
    for cut in 0..=3 {
        for _ in 0..30 {
            sent += 1;
            send(sent).await;
        }
        if cut < 3 {
            line.cut();
            source.stands("cut off", |standing| standing.state == 0 && standing.failed > cut).await;
            sent += 1;
            send(sent).await;
            line.mend();
            source
                .stands("open again", |standing| standing.state == 1 && standing.opened > cut + 1)
                .await;
        }
    }
    let got = source.got_until(&sent.to_string()).await;
    let data: Vec<_> = got.into_iter().map(|event| event.data).collect();
    assert_eq!(data, (1..=sent).map(|i| i.to_string()).collect::<Vec<_>>());
    let used = server.get(&path).send().await.unwrap();
    assert_eq!(
        used.status(),
        401,
        "the stream is open, and whoever finds the URL has no use of it"
    );
}

/// Publishes the next numbers.
async fn send(server: &TestServer, sent: &mut u32, count: u32) {
    for _ in 0..count {
        *sent += 1;
        server.publish("x", sent.to_string()).await;
    }
}

/// A run of a language model: the source has the whole text, is told of the end, comes back once, and
/// makes no request after it.
#[tokio::test]
async fn a_source_has_everything_of_a_topic_that_ends_and_stops_for_good() {
    const TOKENS: usize = 2_000;
    let (server, browser) = page().await;
    let url = "/events/run/1?lastEventID=earliest";
    let text: Vec<String> = (0..TOKENS).map(|number| format!("token {number} ")).collect();
    let publish = async |part: &[String]| {
        let events: Vec<_> = part.iter().map(|token| ("run/1", token.clone())).collect();
        server.publish_all(&events).await;
    };
    publish(&text[..500]).await;
    let source = Source::opened(&browser, url, &["fanfare-end"]).await;
    for part in text[500..].chunks(50) {
        publish(part).await;
    }
    server.publish_form(&[("topic", "run/1"), ("end", "")]).await;
    let got = source.got_until("{\"topics\":[\"run/1\"]}").await;
    assert_eq!(got.last().unwrap().event_type, "fanfare-end");
    let data: Vec<&str> = got[..TOKENS].iter().map(|event| event.data.as_str()).collect();
    assert_eq!(data, text, "the whole text, and nothing twice");
    assert_eq!(got.len(), TOKENS + 1);
    let standing = source.stands("closed for good", |standing| standing.state == 2).await;
    assert_eq!((standing.opened, standing.failed), (1, 2), "one end, and 204");
    // Another one comes when all is over, and is closed at once.
    let late = Source::open(&browser, "/events/run/1", &[]).await;
    let standing = late.stands("closed for good", |standing| standing.state == 2).await;
    assert_eq!((standing.opened, standing.failed), (0, 1));
    let answers = "fanfare_topic_ended_responses_total";
    assert_eq!(server.figure(answers).await, 2.0, "neither has asked again");
}
