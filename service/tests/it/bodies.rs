//! What the bodies of requests hold is counted as it arrives, in one budget for all; compressed ones
//! are decoded within the same limits.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Response;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

use crate::support::{EventStream, PATIENCE, Program, TestServer, Wire, eventually, form};

const HELD: &str = "fanfare_body_memory_bytes";
const FORM: &str = "application/x-www-form-urlencoded";
const NDJSON: &str = "application/x-ndjson";

/// The head of a request whose body has so many bytes, or is in chunks.
fn head(path: &str, content_type: &str, bytes: Option<usize>) -> String {
    let length = match bytes {
        Some(bytes) => format!("content-length: {bytes}"),
        None => "transfer-encoding: chunked".to_owned(),
    };
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\n{length}\r\n\r\n"
    )
}

/// Begins a body of so many bytes and sends a part of it.
async fn begin(server: &TestServer, announced: usize, sent: usize) -> Wire {
    let mut wire = Wire::open(server).await;
    wire.say(head("/events/t", "text/plain", Some(announced))).await;
    wire.say(vec![b'x'; sent]).await;
    wire
}

async fn held_reaches(server: &TestServer, bytes: usize) {
    eventually("the bytes have arrived", async || server.figure(HELD).await >= bytes as f64).await;
}

async fn nothing_is_held(server: &TestServer) {
    eventually("nothing is held", async || server.figure(HELD).await == 0.0).await;
}

fn gzip(data: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data.as_ref()).unwrap();
    encoder.finish().unwrap()
}

async fn problem(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    (status, problem["detail"].as_str().unwrap().to_owned())
}

async fn post_lines(server: &TestServer, lines: impl Into<reqwest::Body>) -> Vec<Value> {
    let request = server.post("/events").header("content-type", NDJSON).body(lines);
    read_lines(request.send().await.unwrap()).await
}

async fn read_lines(response: Response) -> Vec<Value> {
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn bodies_that_are_announced_and_never_come_hold_nobody_up() {
    let server = TestServer::start_with(&["--bodies-max", "4MiB"]).await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(begin(&server, 4 << 20, 0).await);
    }
    server.publish("t", "x".repeat(1 << 20)).await;
    server.publish_form(&[("topic", "t"), ("data", "form")]).await;
    server.publish_all(&[("t", "line".to_owned())]).await;
    nothing_is_held(&server).await;
}

#[tokio::test]
async fn a_hundred_small_bodies_of_unknown_length_are_taken_at_once() {
    let server = TestServer::start_with(&["--bodies-max", "4MiB"]).await;
    let mut publishers = Vec::new();
    for _ in 0..100 {
        let mut wire = Wire::open(&server).await;
        wire.say(head("/events/t", "text/plain", None) + "1\r\nh\r\n4\r\nello\r\n").await;
        publishers.push(wire);
    }
    held_reaches(&server, 500).await;
    assert!(server.figure(HELD).await <= 1_000.0);
    for wire in &mut publishers {
        wire.say("0\r\n\r\n").await;
        assert_eq!(wire.response().await.head.status, 200);
    }
    nothing_is_held(&server).await;
}

#[tokio::test]
async fn whoever_needs_more_than_is_left_is_refused_and_the_others_go_on() {
    let flags = ["--bodies-max", "2MiB", "--body-max", "1MiB", "--event-data-max", "1MiB"];
    let server = TestServer::start_with(&flags).await;
    let mut begun =
        [begin(&server, 1_000_000, 900_000).await, begin(&server, 1_000_000, 900_000).await];
    held_reaches(&server, 1_800_000).await;

    let large = server.post("/events/t").body(vec![b'x'; 500_000]).send().await.unwrap();
    assert!(large.headers().contains_key("retry-after"));
    assert_eq!(problem(large).await.0, 429);
    server.publish("t", "small").await;

    for wire in &mut begun {
        wire.say(vec![b'x'; 100_000]).await;
        assert_eq!(wire.response().await.head.status, 200);
    }
    server.publish("t", vec![b'x'; 500_000]).await;
    nothing_is_held(&server).await;
    assert_eq!(server.figure("fanfare_publish_rejected_total{reason=\"busy\"}").await, 1.0);
}

#[tokio::test]
async fn a_line_that_is_not_complete_is_counted_like_a_body() {
    let flags = ["--bodies-max", "2MiB", "--body-max", "1MiB", "--event-data-max", "1MiB"];
    let server = TestServer::start_with(&flags).await;
    let mut begun = Vec::new();
    for _ in 0..2 {
        let mut wire = Wire::open(&server).await;
        wire.say(head("/events", NDJSON, None)).await;
        let line = format!("{{\"topic\":\"t\",\"data\":\"{}", "x".repeat(900_000));
        wire.say(format!("{:x}\r\n{line}\r\n", line.len())).await;
        begun.push(wire);
    }
    held_reaches(&server, 1_800_000).await;
    let large = json!({"topic": "t", "data": "x".repeat(500_000)}).to_string();
    let small = json!({"topic": "t", "data": "small"}).to_string();
    let responses = post_lines(&server, format!("{large}\n{small}\n")).await;
    assert_eq!((&responses[0]["status"], &responses[0]["line"]), (&json!(429), &json!(1)));
    assert!(responses[1]["id"].is_string(), "{responses:?}");
    drop(begun);
    nothing_is_held(&server).await;
    assert!(post_lines(&server, large).await[0]["id"].is_string());
}

#[tokio::test]
async fn a_line_has_its_time_from_its_first_byte_whatever_trickles_in() {
    let server = TestServer::start_with(&["--body-timeout", "500ms"]).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let begun = "c\r\n{\"topic\":\"t\"\r\n";
    stream.write_all((head("/events", NDJSON, None) + begun).as_bytes()).await.unwrap();
    let (mut responses, mut line) = stream.split();
    let mut trickle = interval(Duration::from_millis(50));
    let mut text = String::new();
    let notified = async {
        let mut bytes = [0; 4096];
        while !text.contains("\"line\":1") {
            tokio::select! {
                count = responses.read(&mut bytes) => {
                    let count = count.unwrap();
                    assert!(count > 0, "{text}");
                    text += std::str::from_utf8(&bytes[..count]).unwrap();
                }
                // The answer may come, and the end with it, while a byte is on its way.
                _ = trickle.tick() => { let _ = line.write_all(b"1\r\n \r\n").await; }
            }
        }
    };
    timeout(PATIENCE, notified).await.expect("an end to the line");
    assert!(text.contains("\"status\":408"), "{text}");
    assert!(text.contains("the line took longer"), "{text}");
}

/// What the process holds is what is counted: neither more than a tenth above, nor below.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_figure_of_the_bodies_is_what_the_process_holds() {
    let flags = ["--demos=false", "--bodies-max", "64MiB"];
    let program = Program::start_with_one_heap(&flags);
    // What a first request takes for good is no body.
    let mut first = Wire::open_at(program.address()).await;
    first.say(head("/events/t", "text/plain", Some(4))).await;
    first.say("good").await;
    assert_eq!(first.response().await.head.status, 200);
    let before = program.resident_bytes();
    let mut begun = Vec::new();
    for index in 0..32 {
        let mut wire = Wire::open_at(program.address()).await;
        // One in four of each: a length that is true, one that is far too long, none, and a line.
        let (path, announced) = match index % 4 {
            0 => ("/events/t", Some(1_500_000)),
            1 => ("/events/t", Some(4 << 20)),
            2 => ("/events/t", None),
            _ => ("/events", None),
        };
        wire.say(head(path, if path == "/events" { NDJSON } else { "text/plain" }, announced))
            .await;
        if announced.is_none() {
            wire.say(format!("{:x}\r\n", 4 << 20)).await;
        }
        wire.say(vec![b'x'; 1_400_000]).await;
        begun.push(wire);
    }
    let sent = 32.0 * 1_400_000.0;
    eventually("all has arrived", async || program.figure(HELD).await >= sent).await;
    let counted = program.figure(HELD).await;
    assert!(counted <= sent * 1.1, "{counted} are counted of {sent}");
    let held = (program.resident_bytes() - before) as f64;
    assert!((sent * 0.9..counted * 1.1).contains(&held), "{held} are held, and {counted} counted");
    drop(begun);
    eventually("nothing is held", async || program.figure(HELD).await == 0.0).await;
}

/// Clients that send as much as they can are refused where the budget ends, and so is memory.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn memory_stays_within_the_budget_whatever_comes() {
    let flags = ["--demos=false", "--bodies-max", "16MiB"];
    let program = Program::start_with_one_heap(&flags);
    let before = program.resident_bytes();
    let mut all = Vec::new();
    for index in 0..64 {
        let mut stream = TcpStream::connect(program.address()).await.unwrap();
        let path = ["/events/t", "/events"][index % 2];
        let line = head(path, if index % 2 == 1 { NDJSON } else { "text/plain" }, Some(3_900_000));
        stream.write_all(line.as_bytes()).await.unwrap();
        // Whoever is refused may be closed on, or not read any further.
        let _ = timeout(Duration::from_secs(1), stream.write_all(&vec![b'x'; 3_800_000])).await;
        all.push(stream);
        let counted = program.figure(HELD).await;
        assert!(counted <= f64::from(16 << 20), "{counted}");
    }
    let held = program.resident_bytes().saturating_sub(before);
    assert!(held <= 26 << 20, "{held} bytes for a budget of 16 MiB");
}

#[tokio::test]
async fn compressed_publishes_are_decoded_whichever_way_they_come() {
    let server = TestServer::start().await;
    let mut stream = EventStream::open(server.get("/events/t")).await;
    let raw = gzip("raw");
    let members = [gzip("in "), gzip("two")].concat();
    for (coding, body) in [
        ("gzip", raw),
        ("X-GZIP", members),
        ("identity", b"plain".to_vec()),
        ("", b"bare".to_vec()),
    ] {
        let request = server.post("/events/t").header("content-encoding", coding).body(body);
        assert_eq!(request.send().await.unwrap().status(), 200, "{coding}");
    }
    let fields = gzip(form(&[("topic", "t"), ("data", "form")]));
    let request = server.post("/.well-known/mercure").header("content-type", FORM);
    let response = request.header("content-encoding", "gzip").body(fields).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let lines = gzip("{\"topic\":\"t\",\"data\":\"one\"}\n[]\n{\"topic\":\"t\",\"data\":\"two\"}");
    let request = server.post("/events").header("content-type", NDJSON);
    let response = request.header("content-encoding", "gzip").body(lines).send().await.unwrap();
    let responses = read_lines(response).await;
    assert_eq!((responses.len(), &responses[1]["line"]), (3, &json!(2)), "{responses:?}");
    let expected = ["raw", "in two", "plain", "bare", "form", "one", "two"];
    assert_eq!(stream.data(expected.len()).await, expected);
    nothing_is_held(&server).await;
}

#[tokio::test]
async fn what_cannot_be_decoded_or_is_too_much_is_refused_with_what_to_send() {
    let server = TestServer::start_with(&["--body-max", "2MiB"]).await;
    let whole = gzip("hello, hello");
    let cases = [
        ("br", whole.clone(), 415, "gzip alone"),
        ("deflate", whole.clone(), 415, "gzip alone"),
        ("gzip, gzip", gzip(&whole), 415, "gzip alone"),
        ("gzip", whole[..whole.len() - 4].to_vec(), 400, "whole gzip"),
        ("gzip", [&whole[..], b"{}"].concat(), 400, "whole gzip"),
        ("gzip", b"not at all".to_vec(), 400, "whole gzip"),
        ("gzip", Vec::new(), 400, "whole gzip"),
        ("gzip", gzip(b"\xff"), 400, "not UTF-8"),
        // Forty kilobytes that stand for forty megabytes.
        ("gzip", gzip(vec![b'x'; 40 << 20]), 413, "larger than 2097152 bytes"),
    ];
    for path in ["/events/t", "/.well-known/mercure"] {
        for (coding, body, status, detail) in &cases {
            let request = server.post(path).header("content-type", FORM);
            let request = request.header("content-encoding", *coding).body(body.clone());
            let response = request.send().await.unwrap();
            if *status == 415 {
                assert_eq!(response.headers()["accept-encoding"], "gzip");
            }
            let (found, said) = problem(response).await;
            assert_eq!(found, *status, "{path} {coding} {said}");
            assert!(said.contains(detail), "{path} {coding} {said}");
        }
    }
    let lines = server.post("/events").header("content-type", NDJSON);
    let refused = lines.header("content-encoding", "br").body("{}").send().await.unwrap();
    assert_eq!(problem(refused).await.0, 415);
    nothing_is_held(&server).await;
}

#[tokio::test]
async fn a_line_that_is_decoded_to_too_much_is_one_error() {
    let server = TestServer::start().await;
    let long = [vec![b' '; 40 << 20], b"\n{\"topic\":\"t\"}\n".to_vec()].concat();
    let request = server.post("/events").header("content-type", NDJSON);
    let response =
        request.header("content-encoding", "gzip").body(gzip(long)).send().await.unwrap();
    let responses = read_lines(response).await;
    assert_eq!((&responses[0]["status"], &responses[0]["line"]), (&json!(413), &json!(1)));
    assert!(responses[1]["id"].is_string(), "{responses:?}");
    nothing_is_held(&server).await;
}

/// A client that waits for the answer to each line gets it, though the coding goes on.
#[tokio::test]
async fn lines_of_a_compressed_body_are_answered_as_they_come() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head =
        head("/events", NDJSON, None).replace("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let mut text = String::new();
    for id in ["one", "two", "three"] {
        writeln!(encoder, "{}", json!({"topic": "t", "id": id})).unwrap();
        encoder.flush().unwrap();
        let piece = std::mem::take(encoder.get_mut());
        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.unwrap();
        stream.write_all(&[&piece[..], b"\r\n"].concat()).await.unwrap();
        while !text.contains(&format!("{{\"id\":\"{id}\"}}")) {
            let mut bytes = [0; 4096];
            let count =
                timeout(PATIENCE, stream.read(&mut bytes)).await.expect("an answer").unwrap();
            assert!(count > 0, "{text}");
            text += std::str::from_utf8(&bytes[..count]).unwrap();
        }
    }
}

#[tokio::test]
async fn only_objects_are_events_and_a_byte_order_mark_harms_none() {
    let server = TestServer::start().await;
    let mut stream = EventStream::open(server.get("/events/t")).await;
    let lines = [
        "\u{feff}{\"topic\":\"t\",\"data\":\"first\"}",
        "[\"t\",\"x\"]",
        "\"t\"",
        "7",
        "{\"topic\":\"t\",\"data\":\"\\ud800\"}",
        "{\"topic\":\"t\",\"data\":\"a\",\"data\":\"b\"}",
        "{\"topic\":\"t\",\"data\":123456789012345678901234567890.10}",
        "{\"topic\":\"t\",\"data\":null}",
    ];
    let responses = post_lines(&server, lines.join("\n")).await;
    for (index, fault) in
        [(1, "an array"), (2, "a string"), (3, "a number"), (4, "surrogate"), (5, "duplicate")]
    {
        assert_eq!(
            (&responses[index]["status"], &responses[index]["line"]),
            (&json!(400), &json!(index + 1))
        );
        assert!(responses[index]["error"].as_str().unwrap().contains(fault), "{responses:?}");
    }
    let data = stream.data(3).await;
    assert_eq!(data, ["first", "123456789012345678901234567890.10", "null"]);
    // The body of one event is its data, whatever that is.
    server.publish("t", "\u{feff}kept").await;
    assert_eq!(stream.next().await.unwrap().data, "\u{feff}kept");
}

#[tokio::test]
async fn a_content_type_that_stands_twice_is_an_error() {
    let server = TestServer::start().await;
    for (path, content_type) in [("/.well-known/mercure", FORM), ("/events", NDJSON)] {
        let request = server.post(path).header("content-type", content_type);
        let response = request.header("content-type", "text/plain").body("").send().await.unwrap();
        let (status, detail) = problem(response).await;
        assert_eq!(status, 400);
        assert!(detail.contains("more than once"), "{detail}");
    }
    let shouted = server.post("/.well-known/mercure").body(form(&[("topic", "t")]));
    let shouted = shouted.header("content-type", "APPLICATION/X-WWW-Form-Urlencoded;charset=UTF-8");
    assert_eq!(shouted.send().await.unwrap().status(), 200);
}
