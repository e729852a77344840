//! The process ends in the middle of load, again and again.
//!
//! `CRASH_CYCLES` says how often in each mode; `make crash-test` gives 1,000.

use std::path::Path;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use rustix::process::Signal;

use super::load::{self, Load};
use crate::support::{Program, eventually};

const PUBLISHERS: usize = 64;
const READERS: usize = 16;
const CYCLES: usize = 6;
/// Those of `--sync`.
pub(super) const MODES: [&str; 3] = ["always", "interval=100ms", "never"];
/// How many events are confirmed in each life of the server at least, so that it ends under load.
const CONFIRMED_MIN: u64 = 200;
/// The longest time that it then lives on, in milliseconds.
const LONGER_MAX_MS: u64 = 60;
/// The longest time after which a server is killed that was told to end, in microseconds.
const DRAINED_MAX_US: u64 = 10_000;
/// So small that segments are sealed, indexed and removed all the time; readers are never so far behind
/// that what they need is gone.
pub(super) const ROOM: [&str; 6] =
    ["--retain-bytes", "8MiB", "--retain-events", "1000000", "--lag-events", "1000000"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "what the long run has to say")]
async fn nothing_that_was_confirmed_is_lost_or_repeated_when_the_process_is_killed_under_load() {
    for mode in MODES {
        let outcome = end_again_and_again(mode, cycles(), End::Killed).await;
        println!("--sync {mode}: {outcome}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_confirmed_is_lost_or_repeated_when_the_server_is_told_to_end_under_load()
{
    for mode in ["always", "never"] {
        end_again_and_again(mode, 2, End::Told).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_confirmed_is_lost_or_repeated_when_the_process_is_killed_while_it_drains()
{
    for mode in MODES {
        end_again_and_again(mode, 4, End::KilledInDrain).await;
    }
}

/// How a life of a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Killed,
    /// It exits by itself, at once.
    Told,
    /// It was told to, and killed right after: in the middle of what it was at, or in its drain.
    KilledInDrain,
}

impl End {
    async fn of(self, server: &mut Program, chance: &mut SmallRng) {
        if self != Self::Killed {
            server.signal(Signal::TERM);
        }
        if self == Self::KilledInDrain {
            tokio::time::sleep(Duration::from_micros(chance.random_range(0..DRAINED_MAX_US))).await;
        }
        if self != Self::Told {
            server.signal(Signal::KILL);
        }
        let expected = (self == Self::Told).then_some(0);
        assert_eq!(server.exit_code().await, expected, "{self:?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "the long run is this test with another number")]
pub(super) fn cycles() -> usize {
    match std::env::var("CRASH_CYCLES") {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("CRASH_CYCLES={text} is no number")),
        Err(_) => CYCLES,
    }
}

/// Figures of some lives of a server, as a line of text.
async fn end_again_and_again(mode: &str, cycles: usize, end: End) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut chance = SmallRng::seed_from_u64(cycles as u64);
    let mut opened = Vec::new();
    let mut server = open(folder.path(), mode, end, &mut opened);
    let load = Load::begin(&server.url, PUBLISHERS, READERS);
    for _ in 0..cycles {
        let enough = load.confirmed() + CONFIRMED_MIN;
        eventually("enough is confirmed", async || load.confirmed() >= enough).await;
        wait_for_any_moment(&mut chance).await;
        end.of(&mut server, &mut chance).await;
        server = open(folder.path(), mode, end, &mut opened);
        load.go_on_at(&server.url);
    }
    let outcome = load.end().await;
    let received = &outcome.received[0];
    let (lost, repeated) = load::lost_and_repeated(&outcome.confirmed, received);
    assert_eq!((lost, repeated), (0, 0), "lost and repeated, with --sync {mode}");
    for (reader, others) in outcome.received.iter().enumerate() {
        assert!(others == received, "reader {reader} got something else, with --sync {mode}");
    }
    let retained = load::retained(&server.url).await;
    assert!(received.ends_with(&retained), "what is retained is not what was read");
    let is_all_retained = cycles > CYCLES || retained.len() == received.len();
    assert!(is_all_retained, "{} of {} are retained", retained.len(), received.len());
    let confirmed: usize = outcome.confirmed.iter().map(Vec::len).sum();
    opened.sort_unstable();
    let [median, worst] = [opened[opened.len() / 2], opened[opened.len() - 1]];
    format!(
        "{cycles} cycles, {confirmed} events confirmed, lost {lost}, repeated {repeated}; \
         seconds to open: median {:.3}, worst {:.3}",
        median.as_secs_f64(),
        worst.as_secs_f64()
    )
}

/// A process may end in any moment.
async fn wait_for_any_moment(chance: &mut SmallRng) {
    tokio::time::sleep(Duration::from_millis(chance.random_range(0..LONGER_MAX_MS))).await;
}

/// Starts a server, and notes how long it took until it listened.
fn open(folder: &Path, mode: &str, end: End, opened: &mut Vec<Duration>) -> Program {
    let began = Instant::now();
    let window = if end == End::KilledInDrain { "1m" } else { "0s" };
    let more = [&["--sync", mode][..], &ROOM].concat();
    let server = Program::start(&super::flags_with_window(window, folder, &more));
    opened.push(began.elapsed());
    server
}
