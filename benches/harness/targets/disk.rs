//! The targets of the log on disk.

use crate::retained;
use crate::targets::judge;
use crate::targets::loads::{HOT, NDJSON, SOURCES, THROUGHPUT};
use crate::targets::target::{
    Meanwhile, PublishTarget, ReplayLoad, Runs, Source, Storage, Target, TargetLoad,
};

/// How the server has it when clients are to read from the disk and not from memory.
const LITTLE_MEMORY: [&str; 10] = [
    "--sync",
    "always",
    retained::FLAGS[0],
    retained::FLAGS[1],
    retained::FLAGS[2],
    retained::FLAGS[3],
    retained::FLAGS[4],
    retained::FLAGS[5],
    "--retain-memory",
    "16MiB",
];
const ALWAYS: [&str; 2] = ["--sync", "always"];
/// What is retained before anybody comes.
const RETAINED: u64 = 1_000_000;
/// How many streams replay at once, each a topic of its own.
const REPLAYS: u64 = 1_000;

pub(super) fn all() -> Vec<Target> {
    let mut all = as_in_memory();
    all.push(cold_replays());
    all.extend(publishing());
    all.push(restart());
    all
}

fn as_in_memory() -> Vec<Target> {
    let fresh = Storage::Disk { flags: &ALWAYS, events: 0 };
    vec![
        Target {
            id: "P3",
            key: "P3-disk",
            what: "the same with the log on the disk, `--sync always`",
            goal: "all accepted, 2.0 M deliveries a second, p99 under 20 ms, not INVALID",
            source: runs(vec![THROUGHPUT.to_owned().into()], fresh, judge::p3),
        },
        Target {
            id: "P4",
            key: "P4-disk",
            what: "the same with the log on the disk, `--sync always`",
            goal: "10 M deliveries a second, none lost",
            source: runs(vec![NDJSON.to_owned().into()], fresh, judge::p4),
        },
    ]
}

/// How often live streams are measured alone, beside newcomers, and beside replays. The goal has it, too.
const REPLAY_ROUNDS: usize = 5;

fn cold_replays() -> Target {
    let live = TargetLoad::from(format!("{HOT} -c 1000 --rate 100 -d 12s {SOURCES}"));
    let replays = ReplayLoad {
        arguments: format!(
            "--subscribe URL/events/old/{{n}}?lastEventID=earliest -c {REPLAYS} --handshakes 1000 -d 6s {SOURCES}"
        ),
        events: REPLAYS * RETAINED / retained::TOPICS,
    };
    let newcomers =
        format!("--subscribe URL/events/new/{{n}} -c {REPLAYS} --handshakes 1000 -d 6s {SOURCES}");
    let newcomers = TargetLoad { meanwhile: Meanwhile::Newcomers(newcomers), ..live.clone() };
    let disturbed = TargetLoad { meanwhile: Meanwhile::Replays(replays), ..live.clone() };
    let retained = Storage::Disk { flags: &LITTLE_MEMORY, events: RETAINED };
    Target {
        id: "P10",
        key: "P10-replays",
        what: "1,000 at once replay 100 events each from the disk: p99 of 1,000 live ones",
        goal: "at most 1.1 x in the middle of 5 rounds, every replay whole",
        // Rounds in turn.
        source: runs(
            [&[live, newcomers, disturbed][..]; REPLAY_ROUNDS].concat(),
            retained,
            judge::p10_replays,
        ),
    }
}

fn publishing() -> Vec<Target> {
    let target = |key, what, goal, publishers, judge| Target {
        id: "P15",
        key,
        what,
        goal,
        source: Source::Publishing(PublishTarget { publishers, judge }),
    };
    let of_the_loop = "0.95 x of a bare file loop";
    vec![
        target(
            "P15-1",
            "1 waiting publisher, log on the disk, `--sync always`, without HTTP",
            of_the_loop,
            1,
            judge::p15,
        ),
        target(
            "P15-64",
            "the same with 64",
            "0.95 x of a bare file loop, 300,000 events a second",
            64,
            judge::p15_at_64,
        ),
        target("P15-1024", "the same with 1,024", of_the_loop, 1_024, judge::p15),
    ]
}

fn restart() -> Target {
    let load = TargetLoad {
        // All but the first attempts are refused until the server is there again.
        arguments: format!(
            "{HOT} -c 10000 --rate 10 -d 12s --retry 100ms --handshakes 1000 --tail 30s \
             --slo disconnects<=10000 {SOURCES}"
        ),
        meanwhile: Meanwhile::Restart,
    };
    let retained = Storage::Disk { flags: &LITTLE_MEMORY[..8], events: RETAINED };
    Target {
        id: "P16",
        key: "P16",
        what: "`kill -9` and restart with 1,000,000 events on the disk and 10,000 subscribers that try every 100 ms",
        goal: "last replay done within 3 s of the first connection, none lost, none twice, open in 0.5 s",
        source: runs(vec![load], retained, judge::p16),
    }
}

fn runs(
    loads: Vec<TargetLoad>,
    storage: Storage,
    judge: fn(&judge::Evidence) -> Option<judge::Finding>,
) -> Source {
    Source::Runs(Runs { loads, storage, judge })
}
