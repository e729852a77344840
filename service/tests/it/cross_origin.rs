//! Pages and windows of applications get in where they are allowed, in the words that browsers need.

use reqwest::Method;
use reqwest::header::HeaderMap;

use crate::support::{TestServer, form};

const LISTED: &str = "https://app.example,capacitor://localhost,ionic://localhost,\
                      chrome-extension://abcdefghijklmnop,null";

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

/// An `EventSource` with credentials is closed for ever where this is not answered.
#[tokio::test]
async fn listed_origins_may_read_with_credentials_whatever_their_scheme() {
    let server = TestServer::start_with(&["--cors-origin", LISTED]).await;
    for origin in LISTED.split(',') {
        let response = server.get("/events/t").header("origin", origin).send().await.unwrap();
        let headers = response.headers();
        assert_eq!(text(headers, "access-control-allow-origin"), Some(origin));
        assert_eq!(text(headers, "access-control-allow-credentials"), Some("true"), "{origin}");
        let exposed = text(headers, "access-control-expose-headers").unwrap();
        for name in ["Last-Event-ID", "Mercure-Last-Event-ID", "Retry-After", "Link"] {
            assert!(exposed.split(", ").any(|exposed| exposed == name), "{exposed}");
        }
        assert_eq!(text(headers, "vary"), Some("Origin"));
    }
    for origin in ["http://app.example", "https://app.example.evil", "capacitor://other", "file://"]
    {
        let response = server.get("/events/t").header("origin", origin).send().await.unwrap();
        for name in ["access-control-allow-origin", "access-control-allow-credentials"] {
            assert_eq!(text(response.headers(), name), None, "{origin}");
        }
        assert_eq!(text(response.headers(), "vary"), Some("Origin"));
    }
}

#[tokio::test]
async fn pages_of_this_machine_have_credentials_only_where_they_call_this_machine() {
    let server = TestServer::start_with(&["--open"]).await;
    for (host, credentials) in [("localhost:8080", Some("true")), ("push.example", None)] {
        let request = server.get("/events/t").header("origin", "http://localhost:3000");
        let response = request.header("host", host).send().await.unwrap();
        let headers = response.headers();
        assert_eq!(text(headers, "access-control-allow-origin"), Some("http://localhost:3000"));
        assert_eq!(text(headers, "access-control-allow-credentials"), credentials, "{host}");
    }
}

#[tokio::test]
async fn an_error_can_be_read_across_origins_too() {
    let server = TestServer::start_with(&["--cors-origin", "https://app.example"]).await;
    let request = server.get("/.well-known/mercure").header("origin", "https://app.example");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(text(response.headers(), "access-control-allow-credentials"), Some("true"));
}

#[tokio::test]
async fn a_preflight_is_allowed_the_headers_that_its_page_wants_to_send() {
    let server = TestServer::start_with(&["--cors-origin", "https://app.example"]).await;
    let requests = "datastar-request,hx-current-url,hx-request,traceparent";
    for (origin, expected) in [
        ("https://app.example", Some(requests.replace(',', ", "))),
        ("https://other.example", None),
    ] {
        let request = server.client.request(Method::OPTIONS, server.url("/events/t"));
        let request =
            request.header("origin", origin).header("access-control-request-method", "GET");
        let response =
            request.header("access-control-request-headers", requests).send().await.unwrap();
        assert_eq!(response.status(), 204);
        let headers = response.headers();
        assert_eq!(text(headers, "access-control-allow-headers"), expected.as_deref(), "{origin}");
        let credentials = expected.map(|_| "true");
        assert_eq!(text(headers, "access-control-allow-credentials"), credentials, "{origin}");
        let vary: Vec<_> = headers.get_all("vary").iter().collect();
        assert_eq!(vary, ["Origin", "Access-Control-Request-Headers"]);
    }
}

#[tokio::test]
async fn listed_origins_may_publish() {
    let server =
        TestServer::start_with(&["--cors-origin", "https://app.example,tauri://localhost"]).await;
    let cases = [
        ("https://app.example", 200),
        ("tauri://localhost", 200),
        ("ionic://localhost", 403),
        ("null", 403),
    ];
    for (origin, status) in cases {
        let request = server.post("/events/t").header("origin", origin).body("x");
        assert_eq!(request.send().await.unwrap().status(), status, "{origin}");
        let request = server.post("/.well-known/mercure").header("origin", origin);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body(form(&[("topic", "t")])).send().await.unwrap();
        assert_eq!(response.status(), status, "{origin}");
    }
}

/// A request that accepts a stream, however that is written, is rejected with a retry.
#[tokio::test]
async fn a_client_that_wants_a_stream_is_known_by_any_of_its_accept_lines() {
    let server = TestServer::start_with(&["--connections", "1"]).await;
    let _stream = server.get("/events/t").send().await.unwrap();
    let cases: [(&[&str], u16); 4] = [
        (&["Text/Event-Stream"], 200),
        (&["text/html", "text/event-stream"], 200),
        (&["text/html"], 429),
        (&["text/event-stream;q=0"], 429),
    ];
    for (lines, status) in cases {
        let request = lines
            .iter()
            .fold(server.get("/events/t"), |request, line| request.header("accept", *line));
        assert_eq!(request.send().await.unwrap().status(), status, "{lines:?}");
    }
}
