//! What a page of each dialect receives and what it does not, with the browser's own `EventSource`: by
//! every kind of selector, of public and of private events, with a token in each place that a page can
//! put one.
//!
//! Every case has a server of its own, so no id and no event of another case can decide it. That
//! something is not received is shown by a later public event on the same source, never by waiting.

use serde_json::json;

use super::chromium::Chromium;
use super::event_source::Source;
use crate::peers::proxy::Proxy;
use crate::support::{TestServer, form};
use crate::tokens::{ACCESS, HUB, LEGACY, access, legacy};

const MARKER: &str = "the marker";
const SECURE_COOKIE: &str = "__Secure-mercure_access_token";
const LEGACY_COOKIE: &str = "mercureAuthorization";

/// What a page asks for, what is published, and whether the one is the other.
struct Case {
    selectors: &'static [(&'static str, &'static str)],
    topic: &'static str,
    matches: bool,
}

const fn case(
    selectors: &'static [(&'static str, &'static str)],
    topic: &'static str,
    matches: bool,
) -> Case {
    Case { selectors, topic, matches }
}

const DRAFT_07: [Case; 8] = [
    case(&[("topic", "a raw string")], "a raw string", true),
    case(&[("topic", "one"), ("topic", "two")], "two", true),
    case(&[("topic", "https://shop.example/books/1")], "https://shop.example/books/1", true),
    case(&[("topic", "https://shop.example/books/{id}")], "https://shop.example/books/1", true),
    case(&[("topic", "*")], "anything", true),
    case(&[("topic", "a raw string")], "another raw string", false),
    case(&[("topic", "https://shop.example/books/1")], "https://shop.example/books/2", false),
    case(&[("topic", "https://shop.example/books/{id}")], "https://shop.example/users/1", false),
];

const V1: [Case; 9] = [
    case(&[("match", "a raw string")], "a raw string", true),
    case(&[("match_exact", "one"), ("match", "two")], "two", true),
    case(&[("match", "https://shop.example/books/1")], "https://shop.example/books/1", true),
    case(
        &[("match_urlpattern", "https://shop.example/books/:id")],
        "https://shop.example/books/1",
        true,
    ),
    case(&[("match", "*")], "anything", true),
    case(&[("match", "a raw string")], "another raw string", false),
    case(&[("match", "https://shop.example/books/1")], "https://shop.example/books/2", false),
    case(
        &[("match_urlpattern", "https://shop.example/books/:id")],
        "https://shop.example/users/1",
        false,
    ),
    // An exact selector that looks like a template is none.
    case(&[("match", "https://shop.example/books/{id}")], "https://shop.example/books/1", false),
];

/// How a page has its token.
#[derive(Clone, Copy, Debug)]
enum PageToken {
    None,
    InUrl,
    InCookie(&'static str),
}

async fn server() -> TestServer {
    let flags = [&LEGACY[..], &ACCESS, &["--anonymous-subscribe"]].concat();
    TestServer::start_with(&flags).await
}

async fn publish(server: &TestServer, topic: &str, data: &str, private: bool) {
    let mut fields = vec![("topic", topic), ("data", data)];
    fields.extend(private.then_some(("private", "on")));
    let request = server.post(HUB).header("content-type", "application/x-www-form-urlencoded");
    let request = request.bearer_auth(legacy(&["--publish", "*"])).body(form(&fields));
    assert_eq!(request.send().await.unwrap().status(), 200, "{topic}");
}

/// A page of the hub with no cookies but this one. The name `localhost` is what Chromium takes for an
/// origin that may have cookies for HTTPS alone.
async fn open_page(browser: &Chromium, origin: &str, cookie: Option<(&str, &str)>) {
    browser.open(&format!("{origin}/demo/console")).await;
    browser.client.delete_all_cookies().await.expect("no cookies");
    if let Some((name, token)) = cookie {
        let script = "document.cookie = arguments[0]; return document.cookie";
        let line = format!("{name}={token}; Path=/; Secure; SameSite=Strict");
        let kept = browser.run(script, vec![json!(line)]).await;
        assert_eq!(kept, format!("{name}={token}"), "the browser keeps the cookie");
    }
}

/// Publishes an event and the marker, and returns what the page received.
async fn received(
    browser: &Chromium,
    case: &Case,
    token: PageToken,
    made: &str,
    private: bool,
) -> Vec<String> {
    let server = server().await;
    let origin = format!("http://localhost:{}", server.address.port());
    let cookie = match token {
        PageToken::InCookie(name) => Some((name, made)),
        PageToken::None | PageToken::InUrl => None,
    };
    open_page(browser, &origin, cookie).await;
    let mut query = case.selectors.to_vec();
    query.push((case.selectors[0].0.split('_').next().unwrap(), MARKER));
    query.extend(matches!(token, PageToken::InUrl).then_some(("authorization", made)));
    let source = Source::opened(browser, &format!("{HUB}?{}", form(&query)), &[]).await;
    publish(&server, case.topic, "the event", private).await;
    publish(&server, MARKER, MARKER, false).await;
    source.got_until(MARKER).await.into_iter().map(|got| got.data).collect()
}

/// Public events by their selectors alone; private ones not without a grant, and with it as public
/// ones.
async fn is_served(cases: &[Case], make: fn(&[&str]) -> String, tokens: &[PageToken]) {
    let browser = Chromium::start().await;
    for case in cases {
        let expected = |arrives: bool| {
            if arrives { vec!["the event", MARKER] } else { vec![MARKER] }
        };
        let what = format!("{:?} {:?}", case.selectors, case.topic);
        let seen = received(&browser, case, PageToken::None, "", false).await;
        assert_eq!(seen, expected(case.matches), "public: {what}");
        let seen = received(&browser, case, PageToken::None, "", true).await;
        assert_eq!(seen, expected(false), "private, without a token: {what}");
        for token in tokens {
            let other = make(&["--subscribe", "another topic"]);
            let seen = received(&browser, case, *token, &other, true).await;
            assert_eq!(seen, expected(false), "private, not granted: {what}, {token:?}");
            let made = make(&["--subscribe", case.topic]);
            let seen = received(&browser, case, *token, &made, true).await;
            assert_eq!(seen, expected(case.matches), "private, granted: {what}, {token:?}");
        }
    }
}

#[tokio::test]
async fn a_page_of_draft_07_receives_what_its_selectors_match_and_its_token_grants() {
    is_served(&DRAFT_07, legacy, &[PageToken::InUrl, PageToken::InCookie(LEGACY_COOKIE)]).await;
}

#[tokio::test]
async fn a_page_of_1_0_receives_what_its_selectors_match_and_its_token_grants() {
    is_served(&V1, access, &[PageToken::InCookie(SECURE_COOKIE)]).await;
}

#[tokio::test]
async fn a_page_comes_back_with_its_cookie_and_misses_no_private_event() {
    let browser = Chromium::start().await;
    for (cookie, make, name) in [
        (LEGACY_COOKIE, legacy as fn(&[&str]) -> String, "topic"),
        (SECURE_COOKIE, access, "match"),
    ] {
        let server = server().await;
        let proxy = Proxy::cut_by_hand(server.address).await;
        let origin = proxy.url("").replace("127.0.0.1", "localhost");
        open_page(&browser, &origin, Some((cookie, &make(&["--subscribe", "orders"])))).await;
        let query = form(&[(name, "orders"), (name, MARKER)]);
        let source = Source::opened(&browser, &format!("{HUB}?{query}"), &[]).await;
        publish(&server, "orders", "first", true).await;
        source.got_until("first").await;
        proxy.cut();
        source.stands("cut off", |standing| standing.failed >= 1).await;
        publish(&server, "orders", "meanwhile", true).await;
        proxy.let_in();
        source.stands("open again", |standing| standing.opened == 2).await;
        publish(&server, MARKER, MARKER, false).await;
        let data: Vec<_> = source.got_until(MARKER).await.into_iter().map(|got| got.data).collect();
        assert_eq!(data, ["first", "meanwhile", MARKER], "{cookie}");
    }
}

#[tokio::test]
async fn a_page_of_the_hub_publishes_with_nothing_but_its_cookie() {
    const PUBLISH: &str = "const [url, topic] = arguments;
        const body = new URLSearchParams({ topic, data: 'x', private: 'on' });
        return fetch(url, { method: 'POST', body, credentials: 'include' })
            .then((response) => response.status);";
    let server = server().await;
    // The browser takes the hub for the one of its public URL, whose port nobody has to listen on.
    let rules = format!("--host-resolver-rules=MAP localhost 127.0.0.1:{}", server.address.port());
    let browser = Chromium::start_with(&[&rules]).await;
    for (cookie, make) in
        [(LEGACY_COOKIE, legacy as fn(&[&str]) -> String), (SECURE_COOKIE, access)]
    {
        let token = make(&["--publish", "orders"]);
        open_page(&browser, "http://localhost:8080", Some((cookie, &token))).await;
        for (topic, expected) in [("orders", 200), ("users", 403)] {
            let status = browser.run(PUBLISH, vec![json!(HUB), json!(topic)]).await;
            assert_eq!(status, expected, "{cookie}, {topic}");
        }
        open_page(&browser, "http://localhost:8080", None).await;
        let status = browser.run(PUBLISH, vec![json!(HUB), json!("orders")]).await;
        assert_eq!(status, 401, "{cookie}: it is gone");
    }
    assert_eq!(server.figure("fanfare_events_published_total").await, 2.0);
}
