//! Pages with a library, or none: they show each event once over a cut, and what they do at the end.

use super::recipe::Recipe;
use crate::browser::{Chromium, RESOLVE, Site, sees};
use crate::peers::proxy::Proxy;
use crate::support::{TestServer, eventually};

/// A document whose page shows the events of a topic as items of a list.
#[derive(Clone, Copy, Debug)]
struct Page {
    document: &'static str,
    topic: &'static str,
    /// Whether its `publish.sh` makes of a text what the page understands.
    has_script: bool,
    has_button: bool,
    at_the_end: AtTheEnd,
}

#[derive(Clone, Copy, Debug)]
enum AtTheEnd {
    /// Its element `#state` says so.
    Says(&'static str),
    /// This is the state of a source that is closed.
    Closes(&'static str),
    /// It has no stream any more.
    Leaves,
}

/// Of an `EventSource` that does not come back.
const CLOSED: u32 = 2;

const PAGES: [Page; 5] = [
    Page {
        document: "browser",
        topic: "news",
        has_script: false,
        has_button: true,
        at_the_end: AtTheEnd::Says("over"),
    },
    Page {
        document: "react",
        topic: "orders",
        has_script: false,
        has_button: true,
        at_the_end: AtTheEnd::Says("ended"),
    },
    Page {
        document: "htmx",
        topic: "orders",
        has_script: true,
        has_button: true,
        at_the_end: AtTheEnd::Closes(
            "return document.querySelector('[sse-connect]')['htmx-internal-data'].sseEventSource.readyState",
        ),
    },
    Page {
        document: "datastar",
        topic: "orders",
        has_script: true,
        has_button: false,
        at_the_end: AtTheEnd::Leaves,
    },
    Page {
        document: "hotwire",
        topic: "orders",
        has_script: true,
        has_button: false,
        at_the_end: AtTheEnd::Closes(
            "return document.querySelector('turbo-stream-source').streamSource.readyState",
        ),
    },
];

#[tokio::test]
async fn every_page_shows_each_event_once_over_a_cut_and_stops_at_the_end() {
    for page in PAGES {
        is_shown(page).await;
    }
}

async fn is_shown(page: Page) {
    let site = Site::start().await;
    let server = TestServer::start_with(&["--cors-origin", &site.origin()]).await;
    let proxy = Proxy::cut_by_hand(server.address).await;
    let (direct, cut) =
        (Recipe::of(page.document, &server.url("")), Recipe::of(page.document, &proxy.url("")));
    if page.document == "react" {
        cut.bundle("app.jsx", "app.js");
    }
    let browser = Chromium::start_with(&[RESOLVE]).await;
    browser.open(&site.file(&cut.path_in_site("page.html"))).await;
    let subscribers = async |count: f64| {
        let figure = async || server.figure("fanfare_subscribers").await == count;
        eventually(&format!("{page:?} has {count} streams"), figure).await;
    };
    let publish = async |text: &str| {
        if page.has_script {
            direct.shell("publish.sh", &[text]).finish().await;
        } else {
            server.publish(page.topic, text.to_owned()).await;
        }
    };
    let shows = async |expected: &[&str]| {
        let look = async || browser.texts("#seen > li").await;
        let what = format!("{page:?} shows {expected:?}");
        let seen = sees(&what, look, |seen| seen.len() >= expected.len()).await;
        assert_eq!(seen, expected, "{page:?}");
    };
    subscribers(1.0).await;
    publish("one").await;
    shows(&["one"]).await;
    proxy.cut();
    subscribers(0.0).await;
    publish("two").await;
    proxy.let_in();
    shows(&["one", "two"]).await;
    subscribers(1.0).await;
    publish("three").await;
    let mut expected = vec!["one", "two", "three"];
    if page.document == "browser" {
        browser.fill("[name=text]", "from the page").await;
    }
    shows(&expected).await;
    if page.has_button {
        browser.click("button").await;
        expected.push("from the page");
        shows(&expected).await;
    }
    server.post(&format!("/events/{}?end", page.topic)).send().await.unwrap();
    match page.at_the_end {
        AtTheEnd::Says(state) => {
            browser.shows("#state", |text| text == state).await;
        }
        AtTheEnd::Closes(script) => {
            let state = async || browser.run(script, vec![]).await;
            sees(&format!("{page:?} is closed"), state, |state| *state == CLOSED).await;
        }
        AtTheEnd::Leaves => {}
    }
    subscribers(0.0).await;
    shows(&expected).await;
}
