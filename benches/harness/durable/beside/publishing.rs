//! Publishers that wait: loadgen's in a closed loop over HTTP, or a program of its own for NATS.

use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context as _, bail, ensure};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use serde::Deserialize;

use super::servers::Product;
use crate::bench::Bench;
use crate::compare::{self, Urls};
use crate::places::Places;
use crate::result::RunResult;

/// The most publishers of one loadgen; more are spread over several that run at the same time.
const PUBLISHERS_OF_ONE: usize = 256;

/// What publishers got done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub(super) struct Confirmed {
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

/// What is published: by so many publishers that wait, for so long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Publishing {
    pub(super) publishers: usize,
    pub(super) seconds: u64,
}

impl Publishing {
    /// By loadgen, over HTTP.
    pub(super) fn over_http(
        self,
        bench: &Bench,
        urls: &Urls,
        port: u16,
        server_pid: u32,
        file: &Path,
    ) -> anyhow::Result<(Confirmed, Vec<RunResult>)> {
        let run = |(number, publishers): (usize, usize)| {
            let file = file.with_extension(format!("{number}.json"));
            bench.load(&self.arguments(publishers, urls, port), server_pid, &file)
        };
        let runs: anyhow::Result<Vec<_>> = thread::scope(|scope| {
            let shares = self.shares().into_iter().enumerate();
            let threads: Vec<_> = shares.map(|share| scope.spawn(move || run(share))).collect();
            let join = |thread: thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|_| bail!("a thread that waited for loadgen failed"))
            };
            threads.into_iter().map(join).collect()
        });
        let runs = runs?;
        Ok((together(&runs)?, runs))
    }

    fn shares(self) -> Vec<usize> {
        let loadgens = self.publishers.div_ceil(PUBLISHERS_OF_ONE).max(1);
        let share = |number| (self.publishers + number) / loadgens;
        (0..loadgens).map(share).collect()
    }

    fn arguments(self, publishers: usize, urls: &Urls, port: u16) -> Vec<String> {
        let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
        let flags = self.flags(publishers);
        let mut arguments: Vec<_> = flags.split(' ').map(str::to_owned).collect();
        arguments.extend(["--subscribe".to_owned(), url(urls.subscribe)]);
        arguments.extend(["--publish".to_owned(), url(urls.publish)]);
        arguments.extend(urls.publish_flags.iter().map(|&flag| flag.to_owned()));
        arguments
    }

    /// No subscriber: what is measured is publishing alone.
    fn flags(self, publishers: usize) -> String {
        let Self { seconds, .. } = self;
        format!("-c 0 --publishers {publishers} --rate max --warmup 1s -d {seconds}s --payload 150")
    }

    /// How loadgen and the publishers of NATS are called, for the page.
    pub(super) fn shown(seconds: u64) -> [String; 2] {
        let publishing = Self { publishers: 0, seconds };
        let flags = publishing.flags(0).replace("--publishers 0", "--publishers N");
        let of_nats = publishing.flags_of_nats().replace("-publishers 0", "-publishers N");
        [
            format!("loadgen run {flags} --subscribe URL --publish URL"),
            format!("benches/competitors/nats/.built/publish {of_nats} -server URL"),
        ]
    }

    fn flags_of_nats(self) -> String {
        let Self { publishers, seconds } = self;
        format!("-publishers {publishers} -warmup 1s -duration {seconds}s -payload 150")
    }

    /// By the client of NATS, in its own protocol.
    pub(super) fn over_nats(self, places: &Places, port: u16) -> anyhow::Result<Confirmed> {
        let program = places.competitors().join("nats/.built/publish");
        let output = Command::new(&program)
            .args(self.flags_of_nats().split(' '))
            .args(["-server", &format!("nats://127.0.0.1:{port}")])
            .output()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} ({})", said.trim(), output.status);
        serde_json::from_slice(&output.stdout).context("the publishers of NATS printed no result")
    }
}

/// The figures of loadgens that ran at the same time.
fn together(runs: &[RunResult]) -> anyhow::Result<Confirmed> {
    // What is read back does not grow by itself.
    let mut all = Histogram::<u64>::new(3)?;
    for run in runs {
        let answers = run.answers.as_deref().context("loadgen saw no answer")?;
        let answers = histogram(answers).context("loadgen's histogram cannot be read")?;
        all.add(answers)?;
    }
    ensure!(!all.is_empty(), "nothing was measured");
    let milliseconds = |quantile| all.value_at_quantile(quantile) as f64 / 1e6;
    Ok(Confirmed {
        per_second: runs.iter().filter_map(|run| run.accepted_rate).sum(),
        p50_ms: milliseconds(0.5),
        p99_ms: milliseconds(0.99),
    })
}

/// Of nanoseconds, from the form in which loadgen writes it: two hexadecimal digits a byte.
fn histogram(text: &str) -> Option<Histogram<u64>> {
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
    Deserializer::new().deserialize(&mut bytes?.as_slice()).ok()
}

impl Product {
    /// Where events are published over HTTP; nothing where they are not.
    pub(super) fn urls(self) -> Option<Urls> {
        match self {
            Self::Fanfare { .. } => Some(compare::PLAIN),
            Self::Mercure => Some(compare::MERCURE),
            Self::NchanWithRedis { .. } => Some(compare::NCHAN),
            Self::Nats { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};

    use super::*;

    fn run(rate: f64, answers_ms: &[u64]) -> RunResult {
        let mut histogram = Histogram::<u64>::new(3).expect("three digits");
        for answer in answers_ms {
            histogram.record(answer * 1_000_000).expect("it grows");
        }
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&histogram, &mut bytes).expect("memory");
        let mut answers = String::new();
        for byte in bytes {
            write!(answers, "{byte:02x}").expect("memory");
        }
        RunResult { accepted_rate: Some(rate), answers: Some(answers), ..RunResult::default() }
    }

    #[test]
    fn loadgens_that_ran_at_the_same_time_are_one_figure() {
        let found = together(&[run(100.0, &[1, 1, 1]), run(50.0, &[1, 9])]).expect("answers");
        let rounded = |ms: f64| ms.round();
        assert_eq!(
            (found.per_second, rounded(found.p50_ms), rounded(found.p99_ms)),
            (150.0, 1.0, 9.0)
        );
        assert!(together(&[RunResult::default()]).is_err(), "nothing was answered");
        let damaged = RunResult { answers: Some("zz".to_owned()), ..RunResult::default() };
        assert!(together(&[damaged]).is_err());
    }

    #[test]
    fn no_loadgen_has_more_publishers_than_it_can_tell_apart() {
        for (publishers, shares) in [
            (1, vec![1]),
            (256, vec![256]),
            (257, vec![128, 129]),
            (1_024, vec![256, 256, 256, 256]),
        ] {
            let publishing = Publishing { publishers, seconds: 3 };
            assert_eq!(publishing.shares(), shares);
        }
    }
}
