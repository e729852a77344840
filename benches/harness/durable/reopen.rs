//! How long a log takes to open, and what it holds in memory then. A server opens it, which has not
//! filled it: what filling leaves in memory would be counted otherwise.

use std::path::Path;
use std::{fs, iter};

use anyhow::Context as _;
use procfs::process::Process;

use crate::bench::Bench;
use crate::fanfare;
use crate::format::{bytes, count};
use crate::http::Client;
use crate::opening;
use crate::places::Places;
use crate::progress::say;
use crate::retained;
use crate::server::{Launch, Server};
use crate::summary::Spread;

/// How often each is opened.
pub(super) const ROUNDS: u32 = 5;
/// Connections, which nobody makes.
const CONNECTIONS: u64 = 10;

/// Once it was open.
struct Opened {
    seconds: f64,
    /// Resident memory of the process.
    memory: f64,
}

pub(super) fn measure(counts: &[u64], places: &Places, folder: &Path) -> anyhow::Result<String> {
    let mut bench = Bench::new(places, CONNECTIONS)?;
    let mut table = String::from(
        "| events | on the disk | open | memory over that of an empty log |\n|---|---|---|---|\n",
    );
    let mut empty = None;
    for &events in iter::once(&0).chain(counts) {
        let data = folder.join("data");
        say(&format!("{events} events: filling"));
        retained::fill(&data, events)?;
        let mut rounds = Vec::new();
        for round in 1..=ROUNDS {
            say(&format!("{events} events: opening {round} of {ROUNDS}"));
            rounds.push(open(&mut bench, &data, folder, events)?);
        }
        let on_disk = bytes_of(&data)?;
        fs::remove_dir_all(&data)?;
        let of =
            |figure: fn(&Opened) -> f64| Spread::of(rounds.iter().map(figure)).map(|s| s.median);
        let (seconds, memory) = of(|o| o.seconds).zip(of(|o| o.memory)).context("no rounds")?;
        let Some(empty) = empty else {
            empty = Some(memory);
            continue;
        };
        table += &line(events, on_disk, seconds, (memory - empty).max(0.0));
    }
    Ok(table)
}

fn line(events: u64, on_disk: u64, seconds: f64, memory: f64) -> String {
    format!(
        "| {} | {} | {seconds:.3} s | {} |\n",
        count(events as f64),
        bytes(on_disk as f64),
        bytes(memory)
    )
}

/// By a server of its own, which ends then.
fn open(bench: &mut Bench, data: &Path, folder: &Path, events: u64) -> anyhow::Result<Opened> {
    let (port, admin) = (bench.free_port()?, bench.free_port()?);
    let data = data.display().to_string();
    let flags = ["--log-level", "info", "--demos=false", "--data-dir", &data];
    let flags = [&flags[..], &retained::FLAGS].concat();
    let launch = Launch {
        title: "Fanfare".to_owned(),
        command: fanfare::command(&bench.places.programs.join("fanfare"), port, admin, &flags),
        ready_url: format!("http://127.0.0.1:{admin}/readyz"),
        serves_in_a_child: false,
    };
    // Beside the files of the other measurements.
    let folder = folder.join("server");
    let server = Server::start(launch, &folder)?;
    let page = Client::new().get(&format!("http://127.0.0.1:{admin}/metrics"))?;
    anyhow::ensure!(
        page.contains(&format!("\nfanfare_retained_events {events}\n")),
        "the server does not retain {events} events; see {}",
        folder.join("log").display()
    );
    let memory = Process::new(i32::try_from(server.pid)?)?.status()?.vmrss;
    Ok(Opened {
        seconds: opening::time(&folder.join("log"))?.as_secs_f64(),
        memory: memory.context("no resident memory")? as f64 * 1024.0,
    })
}

fn bytes_of(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for file in fs::read_dir(folder)? {
        bytes += file?.metadata()?.len();
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_time_to_the_millisecond() {
        assert_eq!(
            line(1_000_000, 264_241_152, 0.123_4, 33_554_432.0),
            "| 1,000,000 | 252 MiB | 0.123 s | 32.0 MiB |\n"
        );
    }

    #[test]
    fn all_files_of_a_folder_are_on_the_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        retained::fill(folder.path(), 10).expect("it is filled");
        assert!(bytes_of(folder.path()).expect("files") > 10 * 150);
    }
}
