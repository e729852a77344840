//! Libraries that pages subscribe and publish with, in a page of another origin that the server has
//! on its list.
//!
//! Each page in `tests/peers/pages` shows the events of the topic `x` as paragraphs in `#seen`, in the
//! way of its library, and has a function `publish`. What a library cannot do stands in its row.

use serde_json::json;
use tokio::time::Instant;

use super::chromium::Chromium;
use super::page::sees;
use super::site::{RESOLVE, Site};
use crate::clients::javascript;
use crate::peers::proxy::Proxy;
use crate::support::{EventStream, PATIENCE, TestServer, eventually};
use crate::tokens::{LEGACY, legacy};

/// A library, and how it departs from the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Library {
    /// The name of its page.
    page: &'static str,
    /// What an event of a text is, as its users publish it.
    event: fn(&str) -> Event,
    /// The data of the event that its page makes of a text.
    published: fn(&str) -> String,
}

/// The type and the data of an event.
struct Event {
    event_type: &'static str,
    data: String,
}

impl Event {
    fn message(data: String) -> Self {
        Self { event_type: "", data }
    }
}

const EVENT_SOURCE: Library = Library { page: "event-source", event: text, published: as_it_is };
const WITH_TICKET: Library =
    Library { page: "event-source-with-ticket", event: text, published: as_it_is };
const POLYFILL: Library =
    Library { page: "event-source-polyfill", event: text, published: as_it_is };
const RECONNECTING: Library =
    Library { page: "reconnecting-eventsource", event: text, published: as_it_is };
const FETCH_EVENT_SOURCE: Library =
    Library { page: "fetch-event-source", event: text, published: as_it_is };
const FANFARE_CLIENT: Library =
    Library { page: "fanfare-client", event: text, published: as_it_is };
pub(super) const FANFARE_HOOK: Library =
    Library { page: "fanfare-client-react", event: text, published: as_it_is };
const HTMX: Library = Library { page: "htmx", event: paragraph, published: as_it_is };
const DATASTAR: Library = Library { page: "datastar", event: fragments, published: signals };
const TURBO: Library = Library { page: "turbo", event: turbo_stream, published: as_it_is };

fn text(text: &str) -> Event {
    Event::message(text.to_owned())
}

fn paragraph(text: &str) -> Event {
    Event::message(format!("<p>{text}</p>"))
}

fn fragments(text: &str) -> Event {
    let data = format!("selector #seen\nmergeMode append\nfragments <p>{text}</p>");
    Event { event_type: "datastar-merge-fragments", data }
}

fn turbo_stream(text: &str) -> Event {
    let template = format!("<template><p>{text}</p></template>");
    Event::message(format!(
        "<turbo-stream action=\"append\" target=\"seen\">{template}</turbo-stream>"
    ))
}

fn as_it_is(text: &str) -> String {
    text.to_owned()
}

/// Datastar sends all signals of the page, and cannot send anything else but a form.
fn signals(text: &str) -> String {
    json!({ "text": text }).to_string()
}

/// Whether the page has requests for events made with credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    Omitted,
    Included,
}

/// A page with a library, in a browser, and all that it needs.
pub(super) struct Visit {
    library: Library,
    pub(super) server: TestServer,
    proxy: Proxy,
    pub(super) browser: Chromium,
}

impl Visit {
    pub(super) async fn begin(library: Library, credentials: Credentials) -> Self {
        Self::begin_with(library, credentials, &[], "").await
    }

    /// With further flags of the server, and a token for pages that can set a header.
    async fn begin_with(
        library: Library,
        credentials: Credentials,
        flags: &[&str],
        token: &str,
    ) -> Self {
        if [FANFARE_CLIENT.page, FANFARE_HOOK.page].contains(&library.page) {
            javascript();
        }
        let site = Site::start().await;
        let origin = site.origin();
        let flags = [&["--cors-origin", &origin], flags].concat();
        let server = TestServer::start_with(&flags).await;
        let proxy = Proxy::cut_by_hand(server.address).await;
        let browser = Chromium::start_with(&[RESOLVE]).await;
        let (with, fetch) = match credentials {
            Credentials::Omitted => ("false", "omit"),
            Credentials::Included => ("true", "include"),
        };
        let hub = proxy.url("");
        let values = [
            ("hub", hub.as_str()),
            ("credentials", with),
            ("fetch_credentials", fetch),
            ("token", token),
        ];
        browser.open(&site.page(library.page, &values)).await;
        let visit = Self { library, server, proxy, browser };
        visit.is_subscribed().await;
        visit
    }

    async fn is_subscribed(&self) {
        let subscribers = async || self.server.figure("fanfare_subscribers").await;
        let deadline = Instant::now() + PATIENCE;
        while subscribers().await != 1.0 {
            let console = self.browser.console_messages().await;
            let refused = console.iter().find(|message| message.contains("CORS policy"));
            assert_eq!(refused, None, "{:?} is refused", self.library);
            assert!(Instant::now() < deadline, "{:?}: {console:?}", self.library);
        }
    }

    pub(super) async fn publish(&self, text: &str) {
        let Event { event_type, data } = (self.library.event)(text);
        self.server.publish_form(&[("topic", "x"), ("type", event_type), ("data", &data)]).await;
    }

    /// All that the page has shown, once it is so much.
    pub(super) async fn shows(&self, expected: &[&str]) {
        let what = format!("{:?} shows {expected:?}", self.library);
        let look = async || self.browser.texts("#seen > *").await;
        let seen = sees(&what, look, |seen| seen.len() >= expected.len()).await;
        assert_eq!(seen, expected, "{:?}", self.library);
    }

    /// The page publishes, by the way of its library where it has one.
    async fn page_publishes(&self, text: &str) {
        let mut stream = EventStream::open(self.server.get("/events/x")).await;
        let data = (self.library.event)(text).data;
        let published = self.browser.run("return window.publish(arguments[0])", vec![json!(data)]);
        assert_eq!(published.await, 200, "{:?}", self.library);
        let mut event = stream.next().await.expect("an event");
        while event.data.is_empty() {
            // The parser hands on a block with an id alone.
            event = stream.next().await.expect("an event");
        }
        assert_eq!(event.data, (self.library.published)(&data), "{:?}", self.library);
    }

    /// Cuts the page off, publishes, and waits until it has come back.
    pub(super) async fn is_away_during(&self, text: &str) {
        self.proxy.cut();
        let figure = async || self.server.figure("fanfare_subscribers").await == 0.0;
        eventually("the server has noticed", figure).await;
        self.publish(text).await;
        self.proxy.let_in();
        self.is_subscribed().await;
    }
}

/// Subscribes, publishes, and misses nothing when it is cut off, in one visit: each needs a browser.
async fn is_served(library: Library, with: Credentials) {
    let visit = Visit::begin(library, with).await;
    visit.publish("first").await;
    visit.shows(&["first"]).await;
    visit.is_away_during("meanwhile").await;
    visit.shows(&["first", "meanwhile"]).await;
    visit.is_away_during("and again").await;
    visit.publish("after").await;
    visit.shows(&["first", "meanwhile", "and again", "after"]).await;
    visit.page_publishes("from the page").await;
}

async fn misses_nothing_when_it_is_cut_off_before_its_first_event(
    library: Library,
    with: Credentials,
) {
    let mut visit = Visit::begin(library, with).await;
    visit.proxy.has_forwarded("a block with an id alone", has_place).await;
    visit.is_away_during("meanwhile").await;
    visit.publish("after").await;
    visit.shows(&["meanwhile", "after"]).await;
}

fn has_place(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.split("\n\n")
        .any(|block| block.lines().next_back().is_some_and(|line| line.starts_with("id:")))
}

#[tokio::test]
async fn the_event_source_of_the_browser_is_served() {
    is_served(EVENT_SOURCE, Credentials::Omitted).await;
}

#[tokio::test]
async fn event_source_polyfill_is_served() {
    is_served(POLYFILL, Credentials::Omitted).await;
}

#[tokio::test]
async fn reconnecting_eventsource_is_served() {
    is_served(RECONNECTING, Credentials::Omitted).await;
}

#[tokio::test]
async fn fetch_event_source_is_served() {
    is_served(FETCH_EVENT_SOURCE, Credentials::Omitted).await;
}

/// A page of another origin shows its token in a header, once for a ticket or with each request, and
/// comes back with it.
#[tokio::test]
async fn pages_that_send_a_token_or_a_ticket_are_served_private_events() {
    let publish = async |visit: &Visit, data: &str| {
        let request = visit.server.post("/events/x?private").body(data.to_owned());
        let response = request.bearer_auth(legacy(&["--publish", "*"])).send().await.unwrap();
        assert_eq!(response.status(), 200);
    };
    for library in [WITH_TICKET, POLYFILL, FETCH_EVENT_SOURCE, FANFARE_CLIENT, FANFARE_HOOK] {
        let token = legacy(&["--subscribe", "x"]);
        let visit = Visit::begin_with(library, Credentials::Omitted, &LEGACY, &token).await;
        publish(&visit, "first").await;
        visit.shows(&["first"]).await;
        visit.proxy.cut();
        let left = async || visit.server.figure("fanfare_subscribers").await == 0.0;
        eventually("the server has noticed", left).await;
        publish(&visit, "meanwhile").await;
        visit.proxy.let_in();
        visit.shows(&["first", "meanwhile"]).await;
    }
}

/// Its source always includes credentials.
#[tokio::test]
async fn htmx_is_served() {
    is_served(HTMX, Credentials::Included).await;
}

/// It has no setting for credentials.
#[tokio::test]
async fn datastar_is_served() {
    is_served(DATASTAR, Credentials::Omitted).await;
}

/// Its source never includes credentials, and a form of it cannot go to another origin.
#[tokio::test]
async fn turbo_is_served() {
    is_served(TURBO, Credentials::Omitted).await;
}

#[tokio::test]
async fn every_library_that_can_include_credentials_is_served_with_them() {
    for library in [EVENT_SOURCE, POLYFILL, RECONNECTING, FETCH_EVENT_SOURCE, FANFARE_CLIENT] {
        is_served(library, Credentials::Included).await;
    }
}

#[tokio::test]
async fn every_library_that_keeps_an_id_without_data_misses_nothing_before_its_first_event() {
    let libraries =
        [EVENT_SOURCE, RECONNECTING, FETCH_EVENT_SOURCE, DATASTAR, TURBO, FANFARE_CLIENT];
    for library in libraries {
        misses_nothing_when_it_is_cut_off_before_its_first_event(library, Credentials::Omitted)
            .await;
    }
    misses_nothing_when_it_is_cut_off_before_its_first_event(HTMX, Credentials::Included).await;
}

/// Whether a library asks again and again when its topic has ended. What the browser's own source does is
/// tried beside it.
#[tokio::test]
async fn libraries_that_do_not_stop_at_204_ask_again() {
    let libraries = [
        (RECONNECTING, Credentials::Omitted),
        (FETCH_EVENT_SOURCE, Credentials::Omitted),
        (HTMX, Credentials::Included),
    ];
    for (library, credentials) in libraries {
        let visit = Visit::begin(library, credentials).await;
        visit.server.publish_form(&[("topic", "x"), ("end", "")]).await;
        let answers = "fanfare_topic_ended_responses_total";
        let what = format!("{library:?} asks again");
        eventually(&what, async || visit.server.figure(answers).await >= 3.0).await;
    }
}

#[tokio::test]
async fn event_source_polyfill_gives_up_in_a_page_when_its_topic_has_ended() {
    let visit = Visit::begin(POLYFILL, Credentials::Omitted).await;
    visit.server.publish_form(&[("topic", "x"), ("end", "")]).await;
    let gives_up = |messages: &Vec<String>| {
        let is_it = |message: &String| message.contains("204") && message.contains("Aborting");
        messages.iter().any(is_it)
    };
    sees("it gives up", async || visit.browser.console_messages().await, gives_up).await;
}

/// It comes back behind a cut alone: what it asks next is what the page makes it ask.
#[tokio::test]
async fn datastar_is_not_back_when_its_topic_has_ended() {
    let visit = Visit::begin(DATASTAR, Credentials::Omitted).await;
    visit.server.publish_form(&[("topic", "x"), ("end", "")]).await;
    let ended = async || visit.server.figure("fanfare_subscribers").await == 0.0;
    eventually("its stream has ended", ended).await;
    for _ in 0..3 {
        let published = visit.browser.run("return window.publish('x')", vec![]).await;
        assert_eq!(published, 409, "the topic has ended");
    }
    assert_eq!(visit.server.figure("fanfare_topic_ended_responses_total").await, 0.0);
}

#[tokio::test]
async fn the_source_of_turbo_stops_when_its_topic_has_ended() {
    let visit = Visit::begin(TURBO, Credentials::Omitted).await;
    visit.server.publish_form(&[("topic", "x"), ("end", "")]).await;
    let state = "return document.querySelector('turbo-stream-source').streamSource.readyState";
    let look = async || visit.browser.run(state, vec![]).await;
    sees("the source is closed", look, |state| *state == json!(2)).await;
}
