//! Who may do what, tried from where others would come.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use reqwest::header::{AUTHORIZATION, HOST, ORIGIN};
use reqwest::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::Value;

use super::status::assert_described;
use crate::support::{PROGRAM, Program, TestServer, Wire, client, eventually};

const TOKEN: &str = "the-token-of-these-tests-which-is-long-enough";

/// What is for operators, and what for everybody but other pages.
const GUARDED: [(Method, &str); 6] = [
    (Method::GET, "/streams"),
    (Method::DELETE, "/streams/0-1-1"),
    (Method::GET, "/topics"),
    (Method::GET, "/topics/orders%2F42"),
    (Method::GET, "/log-level"),
    (Method::PUT, "/log-level"),
];
const OPEN: [&str; 4] = ["/metrics", "/healthz", "/readyz", "/"];

async fn problem(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let text = response.text().await.unwrap();
    assert_eq!(content_type, "application/problem+json", "{status}: {text}");
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_described("Problem", &problem);
    assert_eq!(problem["status"], status.as_u16());
    (status, problem)
}

#[tokio::test]
async fn a_page_from_elsewhere_may_nothing_but_what_everybody_may() {
    let server = TestServer::start_with(&["--host", "admin.example"]).await;
    let named = server.admin.port();
    let pages = [
        (HOST, "evil.example".to_owned(), StatusCode::MISDIRECTED_REQUEST),
        (HOST, format!("evil.example:{named}"), StatusCode::MISDIRECTED_REQUEST),
        (ORIGIN, "https://evil.example".to_owned(), StatusCode::FORBIDDEN),
        (ORIGIN, "http://localhost:1".to_owned(), StatusCode::FORBIDDEN),
        (ORIGIN, "null".to_owned(), StatusCode::FORBIDDEN),
    ];
    for (name, value, status) in pages {
        let guarded =
            GUARDED.into_iter().chain([(Method::GET, "/status"), (Method::HEAD, "/status")]);
        for (method, path) in guarded {
            let request = server.client.request(method.clone(), server.admin_url(path));
            let request = request.header(&name, &value).body("info");
            if method == Method::HEAD {
                assert_eq!(request.send().await.unwrap().status(), status, "{path} {value}");
                continue;
            }
            let (came, problem) = problem(request).await;
            assert_eq!(came, status, "{method} {path} {value}: {problem}");
        }
        for path in OPEN {
            let request = server.client.get(server.admin_url(path)).header(&name, &value);
            assert_eq!(request.send().await.unwrap().status(), 200, "{path} {value}");
        }
    }
    let own = [
        (HOST, "admin.example".to_owned()),
        (HOST, format!("localhost:{named}")),
        (ORIGIN, format!("http://{}", server.admin)),
    ];
    for (name, value) in own {
        for path in ["/status", "/streams", "/log-level"] {
            let request = server.client.get(server.admin_url(path)).header(&name, &value);
            assert_eq!(request.send().await.unwrap().status(), 200, "{path} {value}");
        }
    }
}

#[tokio::test]
async fn with_a_token_everything_that_is_guarded_needs_it_also_on_loopback() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let server = TestServer::start_with(&["--admin-token-file", file.to_str().unwrap()]).await;
    for (method, path) in GUARDED {
        let request = || server.client.request(method.clone(), server.admin_url(path)).body("info");
        let without = request().send().await.unwrap();
        assert_eq!(without.status(), 401, "{path}");
        assert_eq!(without.headers()["www-authenticate"], "Bearer realm=\"fanfare-admin\"");
        let wrong = format!("Bearer {}", &TOKEN[1..]);
        let wrong = request().header(AUTHORIZATION, wrong).send().await.unwrap();
        assert_eq!(wrong.status(), 401, "{path}");
        let challenge = wrong.headers()["www-authenticate"].to_str().unwrap().to_owned();
        assert!(challenge.contains("invalid_token"), "{challenge}");
        let right = request().bearer_auth(TOKEN).send().await.unwrap();
        // The server of these tests is inside of a program, theirs, that decides on its log lines.
        let expected = match (&method, path) {
            (&Method::PUT, "/log-level") => 409,
            (_, path) if path[1..].contains('/') => 404,
            _ => 200,
        };
        assert_eq!(right.status(), expected, "{path}");
        let foreign = request().bearer_auth(TOKEN).header(ORIGIN, "https://evil.example");
        assert_eq!(foreign.send().await.unwrap().status(), 403, "{path}");
    }
    for path in OPEN.iter().chain(&["/status"]) {
        let open = server.client.get(server.admin_url(path)).send().await.unwrap();
        assert_eq!(open.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn off_loopback_what_is_guarded_needs_a_token_and_there_may_be_none() {
    // Reached here over loopback nevertheless.
    let mut command = Command::new(PROGRAM);
    command.args(["--listen", "127.0.0.1:0", "--admin-listen", "0.0.0.0:0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let port = lines.filter_map(|line| line.strip_prefix("admin on http://0.0.0.0:")?.parse().ok());
    let port: u16 = { port }.next().expect("a port");
    let admin = format!("http://127.0.0.1:{port}");
    let program = Program { child, url: String::new(), admin };
    let client = client();
    for (method, path) in GUARDED {
        let url = format!("{}{path}", program.admin);
        let (status, problem) = problem(client.request(method, url).body("info")).await;
        assert_eq!(status, 403, "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("--admin-token-file"), "{problem}");
    }
    for path in OPEN.iter().chain(&["/status"]) {
        let response = client.get(format!("{}{path}", program.admin)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn a_reload_exchanges_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN).unwrap();
    let program = Program::start(&["--admin-token-file", file.to_str().unwrap()]);
    let client = client();
    let status = async |token: &str| {
        let request = client.get(format!("{}/streams", program.admin)).bearer_auth(token);
        request.send().await.unwrap().status()
    };
    let next = TOKEN.to_uppercase();
    assert_eq!(
        (status(TOKEN).await, status(&next).await),
        (StatusCode::OK, StatusCode::UNAUTHORIZED)
    );
    std::fs::write(&file, &next).unwrap();
    program.signal(Signal::HUP);
    eventually("the next token opens", async || status(&next).await == StatusCode::OK).await;
    assert_eq!(status(TOKEN).await, StatusCode::UNAUTHORIZED);
    std::fs::write(&file, "short").unwrap();
    program.signal(Signal::HUP);
    let successful = "fanfare_config_last_reload_successful";
    eventually("it is refused", async || program.figure(successful).await == 0.0).await;
    assert_eq!(status(&next).await, StatusCode::OK, "a file that cannot be used changes nothing");
}

#[tokio::test]
async fn hostile_requests_are_answered_or_closed_and_the_listener_goes_on() {
    let server = TestServer::start().await;
    let long = "a".repeat(12 << 10);
    let limits = format!("limit={}", "9".repeat(10_000));
    let many = "limit=1&".repeat(1_500);
    let cases = [
        (format!("GET /streams?{long} HTTP/1.1\r\nhost: localhost\r\n\r\n"), 400),
        (format!("GET /streams?{limits} HTTP/1.1\r\nhost: localhost\r\n\r\n"), 400),
        (format!("GET /streams?{many} HTTP/1.1\r\nhost: localhost\r\n\r\n"), 400),
        (format!("GET /streams?after={long} HTTP/1.1\r\nhost: localhost\r\n\r\n"), 400),
        (format!("DELETE /streams/{long} HTTP/1.1\r\nhost: localhost\r\n\r\n"), 400),
        ("GET /streams?limit=%ff HTTP/1.1\r\nhost: localhost\r\n\r\n".into(), 400),
        ("GET /streams HTTP/1.1\r\n\r\n".into(), 400),
        ("GET /streams HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n".into(), 400),
        ("GET http://evil.example/streams HTTP/1.1\r\nhost: localhost\r\n\r\n".into(), 421),
        ("POST /streams HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n".into(), 405),
        ("OPTIONS /streams HTTP/1.1\r\nhost: localhost\r\n\r\n".into(), 405),
        ("GET /streams/ HTTP/1.1\r\nhost: localhost\r\n\r\n".into(), 405),
        (format!("GET /topics?after={long} HTTP/1.1\r\nhost: localhost\r\n\r\n"), 400),
        ("GET /topics/ HTTP/1.1\r\nhost: localhost\r\n\r\n".into(), 400),
        ("GET /topics/%ff HTTP/1.1\r\nhost: localhost\r\n\r\n".into(), 400),
        ("DELETE /topics HTTP/1.1\r\nhost: localhost\r\n\r\n".into(), 405),
        ("GET /assets/../streams HTTP/1.1\r\nhost: localhost\r\n\r\n".into(), 404),
        ("GET /admin/index HTTP/1.1\r\nhost: localhost\r\n\r\n".into(), 404),
        ("DELETE /log-level HTTP/1.1\r\nhost: localhost\r\n\r\n".into(), 405),
        ("PUT /status HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n".into(), 405),
    ];
    for (request, status) in cases {
        let mut wire = Wire::open_at(server.admin).await;
        wire.say(&request).await;
        let response = wire.response().await;
        assert_eq!(response.head.status, status, "{request:.100}: {}", response.body);
        assert!(response.body.len() < 1_000, "{request:.100}: {}", response.body.len());
    }
    let large = "x".repeat(5_000);
    let put = format!(
        "PUT /log-level HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{large}",
        large.len()
    );
    let mut wire = Wire::open_at(server.admin).await;
    wire.say(put).await;
    assert_eq!(wire.response().await.head.status, 413);
    wire.assert_closed().await;
    assert_eq!(server.admin_json("/streams").await["open"], 0);
}
