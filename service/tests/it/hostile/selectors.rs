//! Templates by the thousand: equal ones are compiled once, different ones are counted against a
//! limit of the process, and what is known of topics is bounded by bytes.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::frames::{self, Kind};
use super::{Attackers, ROUNDS, Scene, head_of, subscribe};
use crate::support::{PATIENCE, eventually};

const SELECTOR_BYTES: &str = "fanfare_selector_bytes";
const MATCH_CACHE_BYTES: &str = "fanfare_match_cache_bytes";
/// Streams of one HTTP/2 connection, and the templates of each.
const STREAMS: usize = 60;
const TEMPLATES: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_templates_are_compiled_once() {
    let mut scene = Scene::start(&[]).await;
    let equal = vec!["{x:80}".to_owned(); TEMPLATES];
    let mut attackers = Attackers::default();
    let paths = (0..STREAMS).map(|_| path_of(&equal)).collect();
    attackers.send(scene.address(), frames::requests(Kind::Get, paths)).await;
    scene.rounds_until_still(attackers.progress()).await;
    let expected = (STREAMS + 2) as f64;
    eventually("the streams are open", async || scene.sum("fanfare_subscribers").await == expected)
        .await;
    scene.rounds(ROUNDS).await;
    // A template may take 64 KiB, and this is one.
    scene.assert_counted(SELECTOR_BYTES, 256 << 10).await;
    scene.assert_grew_at_most(24, "60 streams with 100 equal templates");
    scene.assert_shards_are_prompt("60 streams with 100 equal templates").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn different_templates_have_a_limit_and_give_their_place_to_others() {
    let mut scene = Scene::start(&["--selectors-max", "1MiB"]).await;
    let mut attackers = Attackers::default();
    let paths = (0..STREAMS).map(|stream| path_of(&different(stream))).collect();
    attackers.send(scene.address(), frames::requests(Kind::Get, paths)).await;
    scene.rounds_until_still(attackers.progress()).await;
    // Streams that were refused together may have left room for one or two.
    let mut taken = Vec::new();
    let refused = loop {
        let more = subscribe(&different(1_000 + taken.len()), "");
        let (socket, head) = head_of(scene.address(), more).await;
        if !head.starts_with("HTTP/1.1 200 ") {
            break head;
        }
        taken.push(socket);
        assert!(taken.len() < STREAMS, "nothing is refused");
    };
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    let exact = subscribe(&["exact".to_owned()], "");
    let (_, served) = head_of(scene.address(), exact).await;
    assert!(served.starts_with("HTTP/1.1 200 "), "what needs no memory is served: {served}");
    scene.rounds(ROUNDS).await;
    scene.assert_counted(SELECTOR_BYTES, 1 << 20).await;
    scene.assert_grew_at_most(1 + 24, "60 streams with 100 templates each");
    scene.assert_shards_are_prompt("60 streams with 100 templates each").await;
    drop((attackers, taken));
    // What nobody uses any more makes room for others.
    eventually("others have their place", async || {
        let (_, served) = head_of(scene.address(), subscribe(&different(2_000), "")).await;
        served.starts_with("HTTP/1.1 200 ")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compiling_for_heads_holds_nobody_up_and_keeps_no_more_than_the_limit() {
    let mut scene = Scene::start(&["--selectors-max", "4MiB"]).await;
    let address = scene.address().to_owned();
    let mut attackers = Attackers::default();
    for client in 0..2 {
        let address = address.clone();
        attackers.spawn(async move {
            let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
            for number in 0.. {
                let get = subscribe(&different(client * 1_000_000 + number), "");
                let head = get.replacen("GET", "HEAD", 1);
                let mut response = [0; 4 << 10];
                let requests = socket.write_all(head.as_bytes()).await;
                let responded = timeout(PATIENCE, socket.read(&mut response)).await;
                let count = responded.expect("an answer in time").unwrap_or(0);
                assert!(requests.is_ok() && count > 0, "closed after {number} requests");
            }
        });
    }
    scene.rounds(2 * ROUNDS).await;
    scene.assert_grew_at_most(32, "HEADs with 100 templates each");
    scene.assert_shards_are_prompt("HEADs with 100 templates each").await;
    assert_eq!(attackers.finished(), 0, "the attack went on");
    drop(attackers);
    scene.assert_counted(SELECTOR_BYTES, 4 << 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_of_topics_is_bounded_by_bytes() {
    let mut scene = Scene::start(&["--retain-bytes", "8MiB", "--retain-events", "100000"]).await;
    let mut attackers = Attackers::default();
    for stream in 0..50 {
        let selectors = subscribe(&[format!("{{a{stream}}}/never/{{b}}")], "");
        attackers.hold(scene.address(), 1, selectors).await;
    }
    // Long topics that the log drops live on in whatever remembers them.
    for batch in 0..8 {
        let lines: String = (0..500)
            .map(|event| {
                let topic = format!("{batch}/{event}/{}", "x".repeat(3_900));
                format!("{{\"topic\":\"{topic}\",\"data\":\"x\"}}\n")
            })
            .collect();
        publish_lines(&scene, lines).await;
        scene.rounds(1).await;
    }
    scene.assert_counted(MATCH_CACHE_BYTES, 32 << 20).await;
    scene.assert_grew_at_most(8 + 40, "50 templates and 4,000 long topics");
    scene.assert_shards_are_prompt("50 templates and 4,000 long topics").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_templates_on_many_short_topics_are_bounded_too() {
    let mut scene = Scene::start(&["--retain-bytes", "8MiB"]).await;
    let mut attackers = Attackers::default();
    for stream in 0..80 {
        let selectors = subscribe(&[format!("{{a{stream}}}/never/{{b}}")], "");
        attackers.hold(scene.address(), 1, selectors).await;
    }
    for batch in 0..6 {
        let lines: String = (0..500)
            .map(|event| format!("{{\"topic\":\"{batch}/{event}\",\"data\":\"x\"}}\n"))
            .collect();
        publish_lines(&scene, lines).await;
        scene.rounds(1).await;
    }
    scene.assert_counted(MATCH_CACHE_BYTES, 32 << 20).await;
    scene.assert_grew_at_most(8 + 24, "80 templates and 3,000 topics");
    scene.assert_shards_are_prompt("80 templates and 3,000 topics").await;
}

async fn publish_lines(scene: &Scene, lines: String) {
    let request = scene.client().post(scene.url("/events"));
    let request = request.header("content-type", "application/x-ndjson").body(lines);
    let responses = request.send().await.expect("an answer").text().await.expect("answers");
    assert!(!responses.contains("error"), "{responses:.200}");
}

fn different(stream: usize) -> Vec<String> {
    (0..TEMPLATES).map(|number| format!("{{x{stream}y{number}:80}}")).collect()
}

fn path_of(selectors: &[String]) -> String {
    let request = subscribe(selectors, "");
    request.split(' ').nth(1).expect("a target").to_owned()
}
