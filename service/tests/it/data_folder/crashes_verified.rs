//! loadgen publishes and verifies while the process is killed again and again: what a program finds that
//! knows nothing of how the log works.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use rustix::process::Signal;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use super::crashes::{MODES, ROOM, cycles};
use crate::support::{PATIENCE, PROGRAM, Program, eventually, own_address};

const PUBLISHERS: &str = "64";
const READERS: &str = "16";
/// How long a life of the server is about, with its start.
const CYCLE: Duration = Duration::from_millis(400);
/// The shortest run of loadgen, and the longest: as many as are needed follow each other.
const RUN: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(60));
/// The longest time that a server lives on when all readers have come back, in milliseconds.
const LONGER_MAX_MS: u64 = 200;

/// What loadgen counted in all of its runs.
#[derive(Debug, Default)]
struct Found {
    kills: usize,
    accepted: u64,
    verified: u64,
    reconnects: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "what the long run has to say")]
async fn loadgen_finds_nothing_lost_repeated_or_out_of_order_over_one_kill_after_another() {
    for mode in MODES {
        let found = killed_again_and_again(mode, cycles()).await;
        println!(
            "--sync {mode}: {} kills; {} events accepted, {} deliveries verified, {} reconnects: \
             nothing lost, repeated or out of order",
            found.kills, found.accepted, found.verified, found.reconnects
        );
    }
}

async fn killed_again_and_again(mode: &str, cycles: usize) -> Found {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, result) = (folder.path().join("data"), folder.path().join("result.json"));
    let address = own_address().to_string();
    let flags = super::flags(&data, &["--sync", mode, "--log-level", "error"]);
    let start = || Program::start_at(&address, &[&flags[..], &ROOM].concat());
    let (mut server, mut found) = (start(), Found::default());
    let mut chance = SmallRng::seed_from_u64(cycles as u64);
    while found.kills < cycles {
        let left = CYCLE * u32::try_from(cycles - found.kills).expect("a number of cycles");
        let length = left.clamp(RUN.0, RUN.1);
        let published = async || server.figure("fanfare_events_published_bytes_total").await;
        let before = published().await;
        let loadgen = start_loadgen(&address, length, &result);
        // Only the beginning of a load has to find the server.
        eventually("loadgen publishes", async || published().await > before).await;
        let ends = Instant::now() + length;
        while Instant::now() < ends {
            eventually("all read again", async || {
                server.figure("fanfare_subscribers").await.to_string() == READERS
                    || Instant::now() >= ends
            })
            .await;
            // The moment in which it ends is any.
            let longer = chance.random_range(0..LONGER_MAX_MS);
            tokio::time::sleep(Duration::from_millis(longer)).await;
            server.signal(Signal::KILL);
            server.exit_code().await;
            server = start();
            found.kills += 1;
        }
        let ended = timeout(PATIENCE, loadgen.wait_with_output()).await.expect("loadgen ends");
        let said = ended.expect("its status");
        // 2: an objective was missed, as what is published while nobody listens is not accepted. 4: the
        // machine was too busy for the rate, which is no matter here.
        let has_measured = matches!(said.status.code(), Some(0 | 2 | 4));
        let words = [said.stdout, said.stderr].concat();
        assert!(has_measured, "{}: {}", said.status, String::from_utf8_lossy(&words));
        found.add(&result, mode);
    }
    found
}

/// loadgen, which reconnects as soon as it can, for as long as it takes.
fn start_loadgen(address: &str, length: Duration, result: &Path) -> tokio::process::Child {
    let program = Path::new(PROGRAM).with_file_name("loadgen");
    let url = format!("http://{address}/events/verified");
    let mut command = Command::new(&program);
    command.args(["run", "--quiet", "--subscribe", &url, "--publish", &url]);
    command.args(["--publishers", PUBLISHERS, "--connections", READERS, "--rate", "2000"]);
    command.args(["--attempts", "1000000", "--retry", "50ms", "--warmup", "0s", "--tail", "30s"]);
    command.arg("--duration").arg(format!("{}ms", length.as_millis())).arg("--json").arg(result);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().unwrap_or_else(|error| {
        panic!(
            "{} cannot be started ({error}): `cargo build -p fanfare-loadgen`",
            program.display()
        )
    })
}

impl Found {
    /// Adds the result of a run, in which nothing may be wrong.
    fn add(&mut self, result: &Path, mode: &str) {
        let text = std::fs::read_to_string(result).expect("a result");
        let result: Value = serde_json::from_str(&text).expect("JSON");
        let run = &result["runs"][0];
        let wrong = [
            "gaps",
            "announced",
            "unresumable",
            "duplicates",
            "reordered",
            "corrupted",
            "wrong_topic",
            "foreign",
            "broken_streams",
        ];
        for kind in wrong {
            assert_eq!(run["correctness"][kind], 0, "{kind}, with --sync {mode}: {run}");
        }
        assert_eq!(run["trouble"]["away"], 0, "all readers came back, with --sync {mode}: {run}");
        assert_eq!(
            run["delivery"]["received"], run["delivery"]["expected"],
            "--sync {mode}: {run}"
        );
        let count = |value: &Value| value.as_u64().expect("a count");
        self.accepted += count(&run["publishing"]["acknowledged"]);
        self.verified += count(&run["correctness"]["verified"]);
        self.reconnects += count(&run["trouble"]["reconnects"]);
        assert!(self.accepted > 0 && self.reconnects > 0, "it was under load: {self:?}");
    }
}
