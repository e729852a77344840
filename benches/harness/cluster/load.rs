//! The load: loadgen subscribes and publishes at all nodes, and goes on elsewhere when it loses one. It
//! runs until it is told to end, because nobody knows how long a fault lasts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::bail;

use super::figures::{self, LoadResult};
use crate::places::Places;
use crate::process::Process;

/// How long loadgen may take to end: the longest publish calls at all nodes, and its tail.
const END_MAX: Duration = Duration::from_secs(90);

/// How large the load is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LoadSize {
    pub(super) subscribers: u32,
    pub(super) topics: u32,
    /// Events a second.
    pub(super) rate: u32,
    pub(super) publishers: u32,
}

pub(super) const FULL: LoadSize =
    LoadSize { subscribers: 6_000, topics: 300, rate: 2_000, publishers: 96 };
pub(super) const QUICK: LoadSize =
    LoadSize { subscribers: 600, topics: 60, rate: 500, publishers: 48 };

/// How the events of a run are published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Repeats {
    /// With ids of the hub. What is not confirmed is not sent again.
    Never,
    /// With an id of their own, and again at the next node until one confirms it.
    WithId,
}

/// A run of loadgen that goes on.
#[derive(Debug)]
pub(super) struct FlowingLoad {
    process: Process,
    file: PathBuf,
}

/// The arguments of loadgen but for its result file.
pub(super) fn arguments(
    size: LoadSize,
    urls: &[String],
    repeats: Repeats,
    length: Duration,
) -> Vec<String> {
    let LoadSize { subscribers, topics, rate, publishers } = size;
    let length = length.as_secs();
    let mut words: Vec<String> = format!(
        "run --quiet -c {subscribers} --topics {topics} -r {rate} --publishers {publishers} \
         --warmup 1s -d {length}s --tail 30s --publish-timeout 5s --connect-timeout 3s --retry 1s \
         --jitter 0.5 --failover --i-own-this-target --slo disconnects<={}",
        // Each may be lost at every node, and again at the next.
        subscribers * 10
    )
    .split_whitespace()
    .map(str::to_owned)
    .collect();
    let id = if repeats == Repeats::WithId { "?id={id}" } else { "" };
    for url in urls {
        let path = format!("{url}/events/c{{topic}}");
        words.extend(["--publish".to_owned(), format!("{path}{id}")]);
        words.extend(["--subscribe".to_owned(), path]);
    }
    words
}

impl FlowingLoad {
    pub(super) fn start(
        places: &Places,
        arguments: &[String],
        file: &Path,
    ) -> anyhow::Result<Self> {
        let program = places.programs.join("loadgen");
        if !program.exists() {
            bail!("no {}; build fanfare-loadgen first, or say --programs", program.display());
        }
        // A result of a former run must not be taken for that of this one.
        if file.exists() {
            fs::remove_file(file)?;
        }
        let mut command = Command::new(program);
        command.args(arguments).arg("--json").arg(file);
        let process = Process::start("loadgen", command, &file.with_extension("log"))?;
        Ok(Self { process, file: file.to_owned() })
    }

    /// Ends publishing, and gives what was found when everything has arrived.
    pub(super) fn end(self) -> anyhow::Result<LoadResult> {
        let Self { process, file } = self;
        process.end_within(END_MAX)?;
        figures::read(&file)
    }

    /// The same, when it has ended by itself.
    pub(super) fn wait(self, length: Duration) -> anyhow::Result<LoadResult> {
        let Self { mut process, file } = self;
        process.wait_within(length + END_MAX)?;
        figures::read(&file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_is_subscribed_and_published_to() {
        let urls = ["http://127.0.0.1:1", "http://127.0.0.1:2"].map(str::to_owned);
        let text = |repeats| arguments(FULL, &urls, repeats, Duration::from_secs(9)).join(" ");
        let plain = text(Repeats::Never);
        assert!(plain.starts_with("run --quiet -c 6000 --topics 300 -r 2000 "), "{plain}");
        assert!(plain.contains(" -d 9s "), "{plain}");
        for url in &urls {
            let path = format!("{url}/events/c{{topic}}");
            assert!(plain.contains(&format!("--subscribe {path}")), "{plain}");
            assert!(text(Repeats::WithId).contains(&format!("--publish {path}?id={{id}}")));
        }
        assert!(!plain.contains("{id}"), "{plain}");
    }
}
