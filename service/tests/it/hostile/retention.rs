//! The log holds what its limit says, whatever the shape of the events: counted bytes are held bytes.

use super::Scene;

const LIMIT_MIB: u64 = 8;
/// Beyond a tenth: what the program and its allocator need meanwhile.
const SLACK_MIB: u64 = 4;
const BATCH: usize = 500;

/// A name, and what makes the line of a number.
type Shape = (&'static str, fn(usize) -> String);

/// Events by their shape, as lines of NDJSON of a number.
const SHAPES: [Shape; 8] = [
    ("one short line", |_| event("\"topic\":\"t\"", "x")),
    ("many short lines", |_| event("\"topic\":\"t\"", &"x\\n".repeat(20))),
    ("empty lines", |_| event("\"topic\":\"t\"", &"\\n".repeat(300))),
    ("long ids of publishers", |number| {
        event(&format!("\"topic\":\"t\",\"id\":\"{}{number}\"", "i".repeat(1_000)), "x")
    }),
    ("short ids of publishers", |number| {
        event(&format!("\"topic\":\"t\",\"id\":\"i{number}\""), "x")
    }),
    ("a topic of its own", |number| event(&format!("\"topic\":\"t/{number}\""), "x")),
    ("many topics of their own", |number| {
        let topics: Vec<_> = (0..40).map(|topic| format!("\"t/{number}/{topic}\"")).collect();
        event(&format!("\"topic\":[{}]", topics.join(",")), "x")
    }),
    ("a long topic and a long type", |number| {
        let fields =
            format!("\"topic\":\"{}{number}\",\"type\":\"{}\"", "t".repeat(3_000), "n".repeat(250));
        event(&fields, "x")
    }),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_holds_what_its_limit_says_for_every_shape_of_event() {
    for (what, line) in SHAPES {
        let limit = format!("{LIMIT_MIB}MiB");
        let mut scene = Scene::start(&["--log-bytes", &limit, "--log-events", "1000000"]).await;
        let (mut number, mut counted, mut full) = (0, 0.0, 0);
        // A little longer than until it drops events for new ones.
        while full < 2 {
            let lines: String = (number..number + BATCH).map(line).collect();
            number += BATCH;
            let request = scene.client().post(scene.url("/events"));
            let request = request.header("content-type", "application/x-ndjson").body(lines);
            let answers = request.send().await.expect("an answer").text().await.expect("answers");
            assert!(!answers.contains("error"), "{what}: {answers:.200}");
            if number % (2 * BATCH) == 0 {
                scene.rounds(1).await;
                let now = scene.sum("fanfare_log_bytes").await;
                full += usize::from(now <= counted);
                counted = now;
            }
        }
        scene.rounds(1).await;
        scene.assert_counted("fanfare_log_bytes", LIMIT_MIB << 20).await;
        scene.assert_grew_at_most(LIMIT_MIB + LIMIT_MIB / 10 + SLACK_MIB, what);
        scene.assert_shards_are_prompt(what).await;
    }
}

fn event(fields: &str, data: &str) -> String {
    format!("{{{fields},\"data\":\"{data}\"}}\n")
}
