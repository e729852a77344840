//! What there is of a topic, asked in every way, is the same wherever its events are: in memory, on the disk
//! alone, and on the disk behind a restart.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::{EventStream, TestServer};
use crate::tokens::{LEGACY, legacy};

/// As little as may be.
const MEMORY: [&str; 2] = ["--retain-memory", "16MiB"];

/// A topic with what is published on it: the data, and how.
struct Told {
    topic: String,
    events: Vec<(&'static str, &'static str)>,
}

/// What a reader is told of a topic.
#[derive(Debug, PartialEq)]
struct Shown {
    status: u16,
    count: String,
    newest: Option<String>,
    ended: String,
    /// The data of a poll for each query, in order; `the end` at the end of the topic.
    polls: Vec<Vec<String>>,
}

const QUERIES: [&str; 5] =
    ["last=1", "last=2", "since=1h", "last=2&since=1h", "lastEventID=earliest"];

fn topics() -> Vec<Told> {
    let told =
        |topic: &str, events: &[_]| Told { topic: topic.to_owned(), events: events.to_vec() };
    let long = "x".repeat(4_096);
    vec![
        told("plain", &[("1", ""), ("2", ""), ("3", "")]),
        told("mixed", &[("1", ""), ("2", "&private"), ("3", ""), ("4", "&private")]),
        told("secret", &[("1", "&private"), ("2", "&private")]),
        told("ended", &[("1", ""), ("2", ""), ("3", "&end")]),
        told("ended/privately", &[("1", ""), ("2", "&private&end")]),
        told("ended/by-name", &[("1", ""), ("2", "&end&type=done&id=the-last")]),
        told(&long, &[("1", ""), ("2", "&private"), ("3", "")]),
        told(&long[1..], &[("1", ""), ("2", "&end")]),
        told("https://example.com/a b?c=d&e#f", &[("1", ""), ("2", "")]),
        told("100 % +;=/\\\"'<>{}[]|^`~", &[("1", ""), ("2", "&private")]),
        told("%2F", &[("1", "")]),
        told("/", &[("1", ""), ("2", "")]),
        told("größe/日本/🦀", &[("1", ""), ("2", "&end")]),
        told("nothing", &[]),
    ]
}

fn path(topic: &str) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    format!("/events/{}", utf8_percent_encode(topic, NON_ALPHANUMERIC))
}

async fn start(folder: &str, more: &[&str]) -> TestServer {
    let flags = ["--data-dir", folder, "--anonymous-subscribe", "--demos=false"];
    TestServer::start_with(&[&flags, &LEGACY[..], more].concat()).await
}

async fn publish(server: &TestServer, token: &str, path: &str, data: &str) -> String {
    let response = server.post(path).bearer_auth(token).body(data.to_owned()).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.unwrap()
}

fn by(request: RequestBuilder, token: Option<&str>) -> RequestBuilder {
    match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

async fn poll(request: RequestBuilder) -> Vec<String> {
    let response = request.send().await.unwrap();
    if response.status() == 204 {
        return vec!["nothing more".to_owned()];
    }
    assert_eq!(response.status(), 200);
    let mut stream = EventStream::from_response(response);
    let mut data = Vec::new();
    while let Some(event) = stream.next().await {
        match event.event.as_deref() {
            Some("fanfare-end") => data.push("the end".to_owned()),
            _ => data.push(event.data),
        }
    }
    data
}

async fn shown(server: &TestServer, topic: &str, token: Option<&str>) -> Shown {
    let head = server.client.head(server.url(&path(topic)));
    let head = by(head, token).send().await.unwrap();
    let field = |name: &str| Some(head.headers().get(name)?.to_str().unwrap().to_owned());
    let mut polls = Vec::new();
    for query in QUERIES {
        let request = server.get(&format!("{}?poll&{query}", path(topic)));
        polls.push(poll(by(request, token)).await);
    }
    Shown {
        // As a stream would be answered that asks for nothing that was before.
        status: head.status().as_u16(),
        count: field("fanfare-count").unwrap(),
        newest: field("fanfare-newest-id"),
        ended: field("fanfare-ended").unwrap(),
        polls,
    }
}

/// From what was published, and the ids.
fn expected(told: &Told, ids: &[String], sees_all: bool) -> Shown {
    let events = told.events.iter().zip(ids);
    let seen: Vec<_> =
        events.filter(|((_, how), _)| sees_all || !how.contains("private")).collect();
    let ended = seen.iter().any(|((_, how), _)| how.contains("end"));
    let polls = [1, 2, usize::MAX, 2, usize::MAX].map(|last: usize| {
        let first = seen.len().saturating_sub(last);
        let data = seen[first..].iter().map(|((data, _), _)| (*data).to_owned());
        data.chain(ended.then(|| "the end".to_owned())).collect()
    });
    Shown {
        status: if ended { 204 } else { 200 },
        count: seen.len().to_string(),
        newest: seen.last().map(|(_, id)| (*id).clone()),
        ended: ended.to_string(),
        polls: polls.to_vec(),
    }
}

/// What the admin listener has of a topic: `null` where there is nothing in memory.
async fn of_admin(server: &TestServer, topic: &str) -> Value {
    let path = path(topic).replace("/events/", "/topics/");
    let response =
        server.client.get(format!("http://{}{path}", server.admin)).send().await.unwrap();
    match response.status().as_u16() {
        200 => serde_json::from_str(&response.text().await.unwrap()).unwrap(),
        404 => Value::Null,
        status => panic!("{topic}: {status}"),
    }
}

async fn listed(server: &TestServer) -> (bool, Vec<String>) {
    let list = server.client.get(format!("http://{}/topics?limit=1000", server.admin));
    let list: Value =
        serde_json::from_str(&list.send().await.unwrap().text().await.unwrap()).unwrap();
    let names = list["topics"].as_array().unwrap().iter();
    let names = names.map(|topic| topic["topic"].as_str().unwrap().to_owned());
    (list["in_memory_only"].as_bool().unwrap(), names.collect())
}

#[tokio::test]
async fn what_there_is_of_a_topic_is_the_same_in_memory_on_the_disk_alone_and_behind_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let token = legacy(&["--publish", "*", "--subscribe", "*"]);
    let server = start(folder, &MEMORY).await;
    let topics = topics();
    let mut ids = Vec::new();
    for told in &topics {
        let mut of_topic = Vec::new();
        for (data, how) in &told.events {
            let path = format!("{}?{}", path(&told.topic), how.trim_start_matches('&'));
            of_topic.push(publish(&server, &token, &path, data).await);
        }
        ids.push(of_topic);
    }
    let as_published = async |server: &TestServer, place: &str| {
        for (told, ids) in topics.iter().zip(&ids) {
            for token in [None, Some(&*token)] {
                let name: String = told.topic.chars().take(40).collect();
                let expected = expected(told, ids, token.is_some());
                let shown = shown(server, &told.topic, token).await;
                assert_eq!(shown, expected, "{place}: {name}, with a token: {}", token.is_some());
            }
        }
    };
    let in_memory = async |server: &TestServer, place: &str| {
        let (_, listed) = listed(server).await;
        for (told, ids) in topics.iter().zip(&ids) {
            let found = of_admin(server, &told.topic).await;
            let is_there = !told.events.is_empty();
            assert_eq!(found.is_object(), is_there, "{place}: {}", told.topic);
            assert_eq!(listed.contains(&told.topic), is_there, "{place}: {}", told.topic);
            if !is_there {
                continue;
            }
            let count =
                |word: &str| told.events.iter().filter(|(_, how)| how.contains(word)).count();
            let topic = &found["topic"];
            assert_eq!(topic["topic"], json!(told.topic), "{place}");
            assert_eq!(topic["events"], json!(told.events.len()), "{place}: {topic}");
            assert_eq!(topic["private"], json!(count("private")), "{place}: {topic}");
            assert_eq!(topic["ended"], json!(count("end") > 0), "{place}: {topic}");
            assert_eq!(topic["newest"]["id"], json!(ids.last()), "{place}: {topic}");
            assert_eq!(found["events"].as_array().unwrap().len(), ids.len(), "{place}: {topic}");
        }
    };
    as_published(&server, "in memory").await;
    in_memory(&server, "in memory").await;

    server.stop().await;
    let server = start(folder, &MEMORY).await;
    as_published(&server, "in memory behind a restart").await;
    in_memory(&server, "in memory behind a restart").await;

    let filler = "y".repeat(512 << 10);
    for _ in 0..48 {
        publish(&server, &token, "/events/filler", &filler).await;
    }
    let on_disk = async |server: &TestServer, place: &str| {
        as_published(server, place).await;
        assert_eq!(listed(server).await, (true, vec!["filler".to_owned()]), "{place}");
        for told in &topics {
            assert_eq!(of_admin(server, &told.topic).await, Value::Null, "{place}: {}", told.topic);
        }
    };
    on_disk(&server, "on the disk alone").await;
    server.stop().await;
    let server = start(folder, &MEMORY).await;
    on_disk(&server, "on the disk alone behind a restart").await;
    server.stop().await;
}
