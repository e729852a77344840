//! What nobody may say in the server's name, and what the server tells nobody: names of its own are
//! reserved, and what is told to a client is about what it may see.

use reqwest::StatusCode;

use super::frames::{END_STREAM, Kind, beginning, header_block, request};
use super::{ROUNDS, Scene, head_of};
use crate::support::{EventStream, form};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_the_server_itself_are_reserved_however_one_publishes() {
    let mut scene = Scene::start(&["--demos=true"]).await;
    let topics = [
        "fanfare/server",
        "fanfare/anything",
        "demo/stocks",
        "demo/anything",
        "/.well-known/mercure/subscriptions/a/b",
        "/.well-known/mercure/x",
    ];
    let cases: Vec<[(&str, &str); 3]> = topics
        .iter()
        .map(|topic| [("topic", *topic), ("type", "x"), ("data", "forged")])
        .chain(
            ["fanfare-gap", "fanfare-anything", "mercure"]
                .map(|name| [("topic", "t"), ("type", name), ("data", "forged")]),
        )
        .collect();
    for case in &cases {
        for status in published(&scene, case).await {
            assert_eq!(status, StatusCode::BAD_REQUEST, "{case:?}");
        }
    }
    // Names that only look like them are anybody's.
    for topic in ["fanfares/x", "demonstration", "my/fanfare/x", "/.well-known/mercurex"] {
        for status in
            published(&scene, &[("topic", topic), ("type", "fanfar"), ("data", "x")]).await
        {
            assert_eq!(status, StatusCode::OK, "{topic}");
        }
    }
    scene.rounds(ROUNDS).await;
}

/// The status of the same event by form, raw, and as a line of NDJSON.
async fn published(scene: &Scene, fields: &[(&str, &str); 3]) -> [StatusCode; 3] {
    let [(_, topic), (_, name), (_, data)] = *fields;
    let post = |path: &str, media_type: &str, body: String| {
        let request = scene.client().post(scene.url(path)).body(body);
        request.header("content-type", media_type).send()
    };
    let form_type = "application/x-www-form-urlencoded";
    let by_form = post("/.well-known/mercure", form_type, form(fields)).await.unwrap();
    let path = format!("/events/{}?{}", encode(topic), form(&[("type", name)]));
    let raw = post(&path, "text/plain", data.to_owned()).await.unwrap();
    let line = serde_json::json!({ "topic": topic, "type": name, "data": data }).to_string();
    let lines = post("/events", "application/x-ndjson", line).await.unwrap();
    let response = lines.text().await.unwrap();
    let line = if response.contains("error") { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    [by_form.status(), raw.status(), line]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_of_a_gap_names_nothing_of_other_topics() {
    let mut scene = Scene::start(&["--retain-events", "20"]).await;
    let secret = |number: usize| {
        let id = format!("CUSTOMER-{number}");
        form(&[("topic", "secret"), ("private", "on"), ("id", &id), ("data", "x")])
    };
    let mut first = String::new();
    for number in 0..40 {
        let request = scene.client().post(scene.url("/.well-known/mercure")).body(secret(number));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        if number == 0 {
            // One of ours that is dropped, to be resumed from.
            let ours = scene.client().post(scene.url("/events/other")).body("x").send().await;
            first = ours.unwrap().text().await.unwrap();
        }
    }
    for last in ["nope", "CUSTOMER-0", "CUSTOMER-1", "earliest", &first] {
        let url = scene.url("/events/other");
        let response = scene.client().get(url).header("last-event-id", last).send().await.unwrap();
        let notified = format!("{:?}", response.headers());
        assert!(!tells(&notified, last), "{last}: {notified}");
        let mut stream = EventStream::from_response(response);
        let url = scene.url("/events/other");
        assert_eq!(scene.client().post(url).body("end").send().await.unwrap().status(), 200);
        loop {
            let event = stream.next().await.expect("a stream that goes on");
            assert!(!tells(&format!("{event:?}"), last), "{last}: {event:?}");
            if event.data == "end" {
                break;
            }
        }
    }
    scene.rounds(ROUNDS).await;
}

/// Whether a text holds an id of another topic that the client did not bring itself.
fn tells(text: &str, brought: &str) -> bool {
    text.split("CUSTOMER-").skip(1).any(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        format!("CUSTOMER-{digits}") != brought
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_protocols_have_the_same_limit_of_header_fields() {
    let mut scene = Scene::start(&[]).await;
    for (fields, accepted) in [(80, true), (120, false), (600, false)] {
        let many: Vec<String> = (0..fields).map(|number| format!("x-{number}")).collect();
        let lines: String = many.iter().map(|name| format!("{name}: x\r\n")).collect();
        let http1 = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n");
        let (_, response) = head_of(scene.address(), http1).await;
        assert_eq!(response.starts_with("HTTP/1.1 200 "), accepted, "{fields}: {response}");
        assert!(response.to_ascii_lowercase().contains("\r\ndate: "), "{fields}: {response}");
        let more: Vec<_> = many.iter().map(|name| (name.as_str(), "x")).collect();
        let block = header_block(Kind::Get, "/", &more);
        let status = http2_status(scene.address(), &request(1, END_STREAM, &block)).await;
        assert_eq!(status == 200, accepted, "{fields} fields over HTTP/2: {status}");
    }
    scene.rounds(ROUNDS).await;
}

/// The status of the first answer, by its place in the static table or as it is written.
async fn http2_status(address: &str, request: &[u8]) -> u16 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket.write_all(&[&beginning(&[])[..], request].concat()).await.unwrap();
    loop {
        let mut head = [0; 9];
        let read = tokio::time::timeout(crate::support::PATIENCE, socket.read_exact(&mut head));
        // Closed without an answer is a refusal too.
        if read.await.expect("an answer in time").is_err() {
            return 0;
        }
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        if socket.read_exact(&mut payload).await.is_err() {
            return 0;
        }
        match (head[3], payload.first()) {
            (super::frames::HEADERS, Some(0x88)) => return 200,
            (super::frames::HEADERS, _) => return 431,
            (super::frames::RST_STREAM, _) => return 0,
            _ => {}
        }
    }
}

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
