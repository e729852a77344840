//! Templates that are costly to match, topics that make them so, and very many of both.
//!
//! A template may be refused as too complex; one that is accepted is matched without holding a shard
//! up, whether the event has just come or is replayed.

use super::{Attackers, ROUNDS, Scene, head_of, post, subscribe};

/// How many topics a hostile event has: an event may have a thousand, and code that is not optimised
/// is slow enough with fewer.
const TOPICS: usize = if cfg!(debug_assertions) { 20 } else { 100 };
/// The longest topic, and how many variants of a template are subscribed to.
const TOPIC_BYTES: usize = 4_000;
const TEMPLATES: usize = 100;

const EARLIEST: &str = "last-event-id: earliest\r\n";

/// A template, in which `#` is replaced by a number that makes each of a hundred another one, and what is
/// repeated to make topics.
const CASES: [(&str, &str); 12] = [
    ("{+x#}a{y:60}c{+w}", "ab"),
    ("{+x#}a{y:60}c{+w}", "ba"),
    ("{x#:80}{y:80}", "a"),
    ("{+a#}{+b}{+c}{+d}z", "a"),
    ("{a#}{b}{c}{d}/{e}", "%41"),
    ("{+a#}abababababababababababababababac{+b}", "ab"),
    ("{.a#*}{.b*}{.c*}z", ".x"),
    ("{/a#*}{/b*}{/c*}z", "/x"),
    ("{;a#*}{;b*}z", ";a#=1"),
    ("{?a#*}{&b*}z", "&a=1"),
    ("{x#:60}é{+y}z", "é"),
    ("{#a#,b,c}{+d*}z", ",a"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn costly_templates_hold_nobody_up_live_or_replayed() {
    let mut scene = Scene::start(&["--event-topics-max", "1000"]).await;
    for (template, part) in CASES {
        let mut topics = Vec::new();
        for number in 0..TOPICS {
            let end = number.to_string();
            topics.push(part.repeat((TOPIC_BYTES - end.len()) / part.len()) + &end);
        }
        let Some(_live) = open_all(&scene, template, "").await else { continue };
        // The next event is on its way when the healthy want theirs.
        for _ in 0..2 {
            post(&scene, &topics, "hostile").await;
            scene.rounds(1).await;
        }
        let mut replays = Vec::new();
        for _ in 0..4 {
            replays.extend(open_all(&scene, template, EARLIEST).await);
        }
        scene.rounds(ROUNDS).await;
        scene.assert_shards_are_prompt(template).await;
    }
}

/// As many topics as an event may have, each as long as it may be, for the costly templates that are
/// accepted and quick enough for code that is not optimised.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn costly_templates_hold_nobody_up_with_as_much_as_an_event_may_be() {
    let mut scene = Scene::start(&[]).await;
    for (template, part) in [("{+a#}{+b}{+c}{+d}z", "a"), ("{x#:60}b{+y}z", "b")] {
        let topics: Vec<String> = (0..1_000)
            .map(|number| format!("{}{number:04}", part.repeat(TOPIC_BYTES - 4)))
            .collect();
        let live = open_all(&scene, template, "").await;
        assert!(live.is_some(), "{template} is accepted");
        let line = serde_json::json!({ "topic": topics, "data": "hostile" }).to_string();
        let request = scene.client().post(scene.url("/events")).body(line);
        let request = request.header("content-type", "application/x-ndjson");
        let response = request.send().await.expect("an answer").text().await.expect("an answer");
        assert!(response.starts_with("{\"id\""), "{response}");
        scene.rounds(1).await;
        let replay = open_all(&scene, template, EARLIEST).await;
        assert!(replay.is_some(), "{template} is accepted");
        scene.rounds(ROUNDS).await;
        scene.assert_shards_are_prompt(template).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_topics_and_many_templates_hold_nobody_up() {
    let mut scene = Scene::start(&[]).await;
    let topics: Vec<String> = (0..1_000).map(|number| format!("shop/{number}/price")).collect();
    let mut streams = Vec::new();
    for stream in 0..3 {
        let templates: Vec<String> =
            (0..TEMPLATES).map(|number| format!("shop/{{a{stream}x{number}}}/stock")).collect();
        for more in ["", "last-event-id: earliest\r\n"] {
            streams.extend(open(&scene, &subscribe(&templates, more)).await);
        }
    }
    assert_eq!(streams.len(), 6, "ordinary templates are accepted");
    for _ in 0..ROUNDS {
        post(&scene, &topics, "hostile").await;
        scene.rounds(1).await;
    }
    let selectors = subscribe(&["shop/{a}/stock".to_owned()], "last-event-id: earliest\r\n");
    let mut replays = Attackers::default();
    replays.hold(scene.address(), 20, selectors).await;
    scene.rounds(ROUNDS).await;
    scene.assert_shards_are_prompt("1,000 topics and 300 templates").await;
}

/// Opens streams for all variants of a template, as many in each as one request may have compiled; `None`
/// when it is refused as too complex.
async fn open_all(scene: &Scene, template: &str, more: &str) -> Option<Vec<tokio::net::TcpStream>> {
    let mut sockets = Vec::new();
    for part in many(template).chunks(TEMPLATES / 2) {
        sockets.push(open(scene, &subscribe(part, more)).await?);
    }
    Some(sockets)
}

fn many(template: &str) -> Vec<String> {
    // `{#` is an operator, and not a place for a number.
    let (operator, rest) = template.strip_prefix("{#").map_or(("", template), |rest| ("{#", rest));
    (0..TEMPLATES)
        .map(|number| operator.to_owned() + &rest.replace('#', &number.to_string()))
        .collect()
}

/// Opens a stream; `None` when its selectors are refused as too complex.
async fn open(scene: &Scene, request: &str) -> Option<tokio::net::TcpStream> {
    let (socket, head) = head_of(scene.address(), request).await;
    let accepted = head.starts_with("HTTP/1.1 200 ");
    assert!(accepted || head.starts_with("HTTP/1.1 400 "), "{head}");
    accepted.then_some(socket)
}
