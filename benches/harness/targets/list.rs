//! All targets: what is measured, with which load, and what it should come to.

use crate::targets::disk;
use crate::targets::judge::{self, Evidence, Finding};
use crate::targets::loads::{HOT, NDJSON, SOURCES, THROUGHPUT};
use crate::targets::target::{Meanwhile, Runs, Source, Storage, Target, TargetLoad};

/// All of them, in the order in which they are measured.
pub(crate) fn all() -> Vec<Target> {
    let mut all = beside_others();
    all.extend(speed());
    all.extend(memory());
    all.extend(many());
    all.extend(disturbed());
    all.extend(disk::all());
    all.sort_by_key(|target| target.id[1..].parse::<u32>().unwrap_or(u32::MAX));
    all
}

/// 19,000, each with a topic of its own.
const PRIVATE: &str =
    "--subscribe URL/events/user-{n} --payload 150 -c 19000 --source 127.0.0.2-127.0.0.9";
fn beside_others() -> Vec<Target> {
    let target = |id, what, goal, judge| Target {
        id,
        key: id,
        what,
        goal,
        source: Source::Comparison(judge),
    };
    vec![
        target(
            "P1",
            "CPU a delivery, 10,000 x 10 a second, against a bare `send` loop (`make compare`)",
            "at most 1.05 x",
            judge::p1,
        ),
        target(
            "P2",
            "p99 in the same runs, against the best other server and the loop",
            "at most 1.00 x of the server, 1.10 x of the loop",
            judge::p2,
        ),
    ]
}

fn speed() -> Vec<Target> {
    vec![
        target(
            "P3",
            "1,000 subscribers, 2,000 events a second by single POSTs",
            "all accepted, 2.0 M deliveries a second, p99 under 20 ms, not INVALID",
            vec![THROUGHPUT.to_owned()],
            judge::p3,
        ),
        target(
            "P4",
            "5,000 subscribers, NDJSON",
            "10 M deliveries a second, none lost",
            vec![NDJSON.to_owned()],
            judge::p4,
        ),
        target(
            "P7",
            "19,000 connections opened as fast as one client can, while events flow",
            "40,000 a second, none refused, none lost",
            vec![format!("{HOT} -c 19000 --handshakes 1000 --rate 1 -d 2s --warmup 0s {SOURCES}")],
            judge::p7,
        ),
        target(
            "P8",
            "cost of a delivery with 1,000, 5,000 and 19,000 subscribers",
            "flat within 20 %",
            // As many deliveries a second each.
            [(1_000, 95), (5_000, 19), (19_000, 5)]
                .map(|(subscribers, rate)| {
                    format!("{HOT} -c {subscribers} --rate {rate} -d 8s {SOURCES}")
                })
                .to_vec(),
            judge::p8,
        ),
    ]
}

fn memory() -> Vec<Target> {
    vec![
        target(
            "P5",
            "memory of an idle subscriber, 19,000",
            "at most 400 B",
            vec![format!("{HOT} -c 19000 --rate 1 -d 3s {SOURCES}")],
            judge::p5,
        ),
        target(
            "P6",
            "the same for HTTP/2, 10,000 streams, 100 a connection",
            "at most 2.0 KiB",
            vec![format!("{HOT} -c 10000 --http 2 --streams 100 --rate 1 -d 3s")],
            judge::p6,
        ),
        target(
            "P12",
            "1,000,000 streams on 10,000 HTTP/2 connections",
            "at most 2 GiB, every event reaches all, none lost",
            vec![format!(
                "{HOT} -c 1000000 --limit-connections 1000000 --http 2 --streams 100 --rate 0.1 -d 30s \
                 --warmup 0s --tail 60s --ramp-timeout 300s"
            )],
            judge::p12,
        ),
    ]
}

fn many() -> Vec<Target> {
    let posts = format!(
        "{PRIVATE} --publish URL/events/user-{{n}} --publishers 16 --rate 30000 \
         --limit-rate 1000000 -d 5s"
    );
    let ndjson = format!(
        "{PRIVATE} --publish URL/events --publish-style ndjson --publishers 2 --rate 200000 \
         --limit-rate 1000000 -d 5s --verify sample=20"
    );
    vec![
        Target {
            key: "P9-posts",
            ..target(
                "P9",
                "19,000 with a topic each: single POSTs, 16 connections",
                "30,000 events a second",
                vec![posts],
                judge::p9_posts,
            )
        },
        Target {
            key: "P9-ndjson",
            ..target(
                "P9",
                "the same by NDJSON",
                "200,000 events a second, none lost",
                vec![ndjson],
                judge::p9_ndjson,
            )
        },
    ]
}

fn disturbed() -> Vec<Target> {
    let all_read = format!("{HOT} -c 10000 --rate 10 -d 8s");
    let some_do_not = format!("{all_read} --stopped-share 0.01");
    let mut response_time = target(
        "P11",
        "answers during passes over 19,000, p99",
        "under 10 ms",
        vec![format!("{HOT} -c 19000 --rate 4 -d 12s {SOURCES}")],
        judge::p11,
    );
    if let Source::Runs(runs) = &mut response_time.source {
        runs.loads.iter_mut().for_each(|load| load.meanwhile = Meanwhile::Requests);
    }
    vec![
        target(
            "P10",
            "1 % read nothing: p99 of the others",
            "at most 1.1 x",
            // Two rounds in turn.
            vec![all_read.clone(), some_do_not.clone(), all_read, some_do_not],
            judge::p10,
        ),
        response_time,
    ]
}

fn target(
    id: &'static str,
    what: &'static str,
    goal: &'static str,
    loads: Vec<String>,
    judge: fn(&Evidence) -> Option<Finding>,
) -> Target {
    let loads = loads.into_iter().map(TargetLoad::from).collect();
    let source = Source::Runs(Runs { loads, storage: Storage::Memory, judge });
    Target { id, key: id, what, goal, source }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn targets_stand_in_order_and_have_files_of_their_own() {
        let all = all();
        let ids: Vec<_> = all.iter().map(|target| target.id).collect();
        let expected = [
            "P1", "P2", "P3", "P3", "P4", "P4", "P5", "P6", "P7", "P8", "P9", "P9", "P10", "P10",
            "P11", "P12", "P15", "P15", "P15", "P16",
        ];
        assert_eq!(ids, expected);
        let keys: BTreeSet<_> = all.iter().map(|target| target.key).collect();
        assert_eq!(keys.len(), all.len());
    }

    #[test]
    fn every_load_is_whole() {
        for target in all() {
            let Source::Runs(runs) = target.source else { continue };
            assert!(!runs.loads.is_empty(), "{}", target.id);
            for TargetLoad { arguments: load, .. } in runs.loads {
                assert!(!load.contains("  "), "{load}");
                for flag in ["--subscribe URL/", "--publish URL/", "-c ", "--rate ", "-d "] {
                    assert!(load.contains(flag), "no {flag} in {load}");
                }
            }
        }
    }
}
