//! The log holds what its limit says, whatever the shape of the events: counted bytes are held bytes.

use super::Scene;

/// Beyond a tenth: requests on their way, tables while they are made larger, and what the allocator
/// cannot use between small pieces that come and go.
const SLACK_MIB: u64 = 8;
/// What one request has at most: about so much text, and no more events than a subscriber may lag.
const BATCH_BYTES: usize = 512 << 10;
const BATCH_EVENTS: usize = 5_000;

/// A name, the limit of the log in mebibytes, and what makes the line of a number.
type Shape = (&'static str, u64, fn(usize) -> String);

/// Events by their shape, as lines of NDJSON of a number.
const SHAPES: [Shape; 8] = [
    ("20 short lines", 32, |_| event("\"topic\":\"t\"", &"x\\n".repeat(20))),
    ("long ids of publishers", 32, |number| {
        event(&format!("\"topic\":\"t\",\"id\":\"{}{number}\"", "i".repeat(1_000)), "x")
    }),
    ("a topic of its own", 32, |number| event(&format!("\"topic\":\"t/{number}\""), "x")),
    ("50 topics of its own", 32, |number| {
        let topics: Vec<_> = (0..50).map(|topic| format!("\"t/{number}/{topic}\"")).collect();
        event(&format!("\"topic\":[{}]", topics.join(",")), "x")
    }),
    ("one short line", 8, |_| event("\"topic\":\"t\"", "x")),
    ("empty lines", 8, |_| event("\"topic\":\"t\"", &"\\n".repeat(300))),
    ("short ids of publishers", 8, |number| {
        event(&format!("\"topic\":\"t\",\"id\":\"i{number}\""), "x")
    }),
    ("a long topic and a long type", 8, |number| {
        let fields =
            format!("\"topic\":\"{}{number}\",\"type\":\"{}\"", "t".repeat(3_000), "n".repeat(250));
        event(&fields, "x")
    }),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_holds_what_its_limit_says_for_every_shape_of_event() {
    for (what, limit_mib, line) in SHAPES {
        let limit = format!("{limit_mib}MiB");
        let mut scene =
            Scene::start(&["--retain-bytes", &limit, "--retain-events", "1000000"]).await;
        let (mut number, mut counted, mut full) = (0, 0.0, 0);
        // A little longer than until it drops events for new ones.
        while full < 2 {
            number += publish_batch(&scene, number, line, what).await;
            scene.rounds(1).await;
            let now = scene.sum("fanfare_retained_bytes").await;
            full += usize::from(now <= counted);
            counted = now;
        }
        scene.rounds(1).await;
        scene.assert_counted("fanfare_retained_bytes", limit_mib << 20).await;
        // Shards remember topics too; that has a limit and a figure of its own.
        let remembered = scene.sum("fanfare_match_cache_bytes").await as u64;
        let counted = limit_mib + remembered.div_ceil(1 << 20);
        scene.assert_grew_at_most(counted + counted / 10 + SLACK_MIB, what);
        scene.assert_shards_are_prompt(what).await;
    }
}

/// Publishes the events from a number on; how many there were.
async fn publish_batch(scene: &Scene, from: usize, line: fn(usize) -> String, what: &str) -> usize {
    let mut lines = String::new();
    let mut count = 0;
    while lines.len() < BATCH_BYTES && count < BATCH_EVENTS {
        lines += &line(from + count);
        count += 1;
    }
    let request = scene.client().post(scene.url("/events"));
    let request = request.header("content-type", "application/x-ndjson").body(lines);
    let responses = request.send().await.expect("an answer").text().await.expect("answers");
    assert!(!responses.contains("error"), "{what}: {responses:.200}");
    count
}

fn event(fields: &str, data: &str) -> String {
    format!("{{{fields},\"data\":\"{data}\"}}\n")
}
