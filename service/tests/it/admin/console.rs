//! What the console may read here: it is a page of the public listener, and no page of this one.

use reqwest::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, HOST, ORIGIN, VARY,
};
use reqwest::{Method, Response};
use serde_json::Value;

use super::status::assert_described;
use crate::support::{Program, TestServer, client};

const TOKEN: &str = "the-token-of-these-tests-which-is-long-enough";

/// The origins that its page has on this machine.
fn origins(server: &TestServer) -> [String; 2] {
    ["127.0.0.1", "localhost"].map(|host| format!("http://{host}:{}", server.address.port()))
}

async fn asked(server: &TestServer, method: Method, path: &str, origin: &str) -> Response {
    let request = server.client.request(method, server.admin_url(path)).header(ORIGIN, origin);
    request.body("info").send().await.unwrap()
}

fn allowed(response: &Response) -> Option<&str> {
    Some(response.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN)?.to_str().unwrap())
}

#[tokio::test]
async fn the_console_reads_topics_and_one_topic_and_why_there_is_none() {
    let server = TestServer::start_with(&["--demos=false"]).await;
    server.publish("orders/42", "one").await;
    let cases = [
        ("/topics", 200, "TopicPage"),
        ("/topics?prefix=orders/&limit=15", 200, "TopicPage"),
        ("/topics/orders%2F42", 200, "TopicEvents"),
        ("/topics/nothing", 404, "Problem"),
        ("/topics?limit=0", 400, "Problem"),
        ("/topics/%ff", 400, "Problem"),
    ];
    for origin in origins(&server) {
        for (path, status, schema) in cases {
            let head = asked(&server, Method::HEAD, path, &origin).await;
            let response = asked(&server, Method::GET, path, &origin).await;
            for response in [&head, &response] {
                assert_eq!(response.status(), status, "{path} {origin}");
                assert_eq!(allowed(response), Some(&*origin), "{path}");
                assert_eq!(response.headers()[VARY], "Origin", "{path}");
                let credentials = response.headers().get(ACCESS_CONTROL_ALLOW_CREDENTIALS);
                assert_eq!(credentials, None, "there are none: {path}");
            }
            let document = response.text().await.unwrap();
            let document: Value = serde_json::from_str(&document).unwrap();
            assert_described(schema, &document);
        }
    }
}

#[tokio::test]
async fn the_console_may_read_nothing_else_and_change_nothing() {
    let server = TestServer::start().await;
    server.publish("orders/42", "one").await;
    let refused = [
        (Method::GET, "/status"),
        (Method::GET, "/streams"),
        (Method::DELETE, "/streams/0-1-1"),
        (Method::GET, "/log-level"),
        (Method::PUT, "/log-level"),
        (Method::POST, "/topics"),
        (Method::PUT, "/topics"),
        (Method::OPTIONS, "/topics"),
        (Method::DELETE, "/topics/orders%2F42"),
        (Method::OPTIONS, "/topics/orders%2F42"),
    ];
    for origin in origins(&server) {
        for (method, path) in &refused {
            let response = asked(&server, method.clone(), path, &origin).await;
            assert_eq!(response.status(), 403, "{method} {path} {origin}");
            assert_eq!(allowed(&response), None, "{method} {path} {origin}");
        }
        // What everybody may read is not for pages all the same.
        for path in ["/metrics", "/healthz", "/", "/topic", "/topicsx"] {
            let response = asked(&server, Method::GET, path, &origin).await;
            assert_eq!(allowed(&response), None, "{path} {origin}");
        }
    }
}

#[tokio::test]
async fn no_other_page_reads_topics() {
    let server = TestServer::start_with(&["--host", "push.example"]).await;
    let port = server.address.port();
    let elsewhere = [
        "http://127.0.0.1:1".to_owned(),
        "http://localhost:1".to_owned(),
        "http://localhost".to_owned(),
        format!("https://localhost:{port}"),
        format!("http://127.0.0.2:{port}"),
        format!("http://[::1]:{port}"),
        format!("http://evil.localhost:{port}"),
        format!("http://localhost.evil.example:{port}"),
        format!("http://push.example:{port}"),
        format!("http://10.0.0.7:{port}"),
        format!("localhost:{port}"),
        "null".to_owned(),
        "*".to_owned(),
        String::new(),
    ];
    for origin in &elsewhere {
        for path in ["/topics", "/topics/orders%2F42"] {
            let response = asked(&server, Method::GET, path, origin).await;
            assert_eq!(response.status(), 403, "{path} {origin}");
            assert_eq!(allowed(&response), None, "{path} {origin}");
        }
    }
    let [page, _] = origins(&server);
    let topics = || server.client.get(server.admin_url("/topics")).header(ORIGIN, &page);
    let twice = topics().header(ORIGIN, &page).send().await.unwrap();
    assert_eq!((twice.status().as_u16(), allowed(&twice)), (403, None));
    for host in ["evil.example", "evil.example:9090", "localhost.evil.example"] {
        let rebound = topics().header(HOST, host).send().await.unwrap();
        assert_eq!((rebound.status().as_u16(), allowed(&rebound)), (421, None), "{host}");
    }
}

#[tokio::test]
async fn a_token_opens_nothing_to_the_console_and_keeps_it_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN).unwrap();
    let program = Program::start(&["--admin-token-file", file.to_str().unwrap()]);
    for path in ["/topics", "/topics/orders%2F42"] {
        for token in [None, Some(TOKEN)] {
            let mut request = client().get(format!("{}{path}", program.admin));
            request = request.header(ORIGIN, &program.url);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let response = request.send().await.unwrap();
            assert_eq!((response.status().as_u16(), allowed(&response)), (403, None), "{path}");
        }
    }
}
