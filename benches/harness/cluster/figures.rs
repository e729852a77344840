//! What loadgen's result file says of a run over several nodes: only what is judged or shown here. The
//! file is a published interface (`loadgen/schema/result-v1.json`), so it is read by its names.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

/// The result of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LoadResult {
    pub(super) connected: u64,
    pub(super) sent: u64,
    pub(super) confirmed: u64,
    /// Deliveries that were compared with what had to come.
    pub(super) verified: u64,
    pub(super) deliveries_per_second: f64,
    /// Deliveries of confirmed events that never came, whether a gap was told or not.
    pub(super) missing: u64,
    pub(super) twice: u64,
    pub(super) out_of_order: u64,
    /// Damaged, at the wrong subscriber, or on a stream that broke the rules.
    pub(super) damaged: u64,
    /// Subscribers that were nowhere at the end.
    pub(super) away: u64,
    /// Reconnections.
    pub(super) reconnects: u64,
    pub(super) silence_ms: Option<f64>,
    pub(super) pause_ms: Option<f64>,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    /// From a publish call to its response.
    pub(super) confirmed_p99_ms: Option<f64>,
    /// Share of a core of loadgen's busiest reader.
    pub(super) generator: f64,
    pub(super) outcome: String,
    pub(super) reasons: Vec<String>,
    /// The first few mistakes, in words.
    pub(super) examples: Vec<String>,
}

#[derive(Deserialize)]
struct AllRuns {
    runs: Vec<OneRun>,
}

#[derive(Deserialize)]
struct OneRun {
    subscribers: Connected,
    publishing: Option<Confirmations>,
    delivery: Deliveries,
    correctness: Mistakes,
    trouble: Disconnects,
    own: Generator,
    verdict: Judgement,
}

#[derive(Deserialize)]
struct Connected {
    connected: u64,
}

#[derive(Deserialize)]
struct Confirmations {
    sent: u64,
    acknowledged: u64,
    acknowledgement: Option<Percentiles>,
    longest_pause_ms: Option<f64>,
}

#[derive(Deserialize)]
struct Deliveries {
    per_second: f64,
    intended: Option<Percentiles>,
}

#[derive(Deserialize)]
struct Percentiles {
    percentiles: Vec<AtQuantile>,
}

#[derive(Deserialize)]
struct AtQuantile {
    quantile: f64,
    ms: Option<f64>,
}

#[derive(Deserialize)]
struct Mistakes {
    gaps: u64,
    announced: u64,
    unresumable: u64,
    duplicates: u64,
    reordered: u64,
    corrupted: u64,
    wrong_topic: u64,
    broken_streams: u64,
    verified: Option<u64>,
    examples: Vec<Example>,
}

#[derive(Deserialize)]
struct Example {
    kind: String,
    subscriber: u64,
    what: String,
}

#[derive(Deserialize)]
struct Disconnects {
    reconnects: u64,
    away: u64,
    longest_silence_ms: Option<f64>,
}

#[derive(Deserialize)]
struct Generator {
    workers: Vec<Reader>,
}

#[derive(Deserialize)]
struct Reader {
    cpu: f64,
}

#[derive(Deserialize)]
struct Judgement {
    outcome: String,
    reasons: Vec<String>,
}

/// The last run of a file.
pub(super) fn read(path: &Path) -> anyhow::Result<LoadResult> {
    let broken = || {
        let log = path.with_extension("log");
        format!("loadgen left no result in {}; see {}", path.display(), log.display())
    };
    let text = fs::read_to_string(path).with_context(broken)?;
    parse(&text).with_context(broken)
}

fn parse(text: &str) -> anyhow::Result<LoadResult> {
    let file: AllRuns = serde_json::from_str(text)?;
    let run = file.runs.into_iter().next_back().context("it holds no run")?;
    let (found, publishing) = (run.correctness, run.publishing.as_ref());
    let example =
        |one: &Example| format!("{}, subscriber {}: {}", one.kind, one.subscriber, one.what);
    Ok(LoadResult {
        connected: run.subscribers.connected,
        sent: publishing.map_or(0, |publishing| publishing.sent),
        confirmed: publishing.map_or(0, |publishing| publishing.acknowledged),
        verified: found.verified.unwrap_or(0),
        deliveries_per_second: run.delivery.per_second,
        missing: found.gaps + found.announced + found.unresumable,
        twice: found.duplicates,
        out_of_order: found.reordered,
        damaged: found.corrupted + found.wrong_topic + found.broken_streams,
        away: run.trouble.away,
        reconnects: run.trouble.reconnects,
        silence_ms: run.trouble.longest_silence_ms,
        pause_ms: publishing.and_then(|publishing| publishing.longest_pause_ms),
        p50_ms: run.delivery.intended.as_ref().and_then(|all| all.at(0.5)),
        p99_ms: run.delivery.intended.as_ref().and_then(|all| all.at(0.99)),
        confirmed_p99_ms: publishing
            .and_then(|publishing| publishing.acknowledgement.as_ref()?.at(0.99)),
        generator: run.own.workers.iter().map(|reader| reader.cpu).fold(0.0, f64::max),
        outcome: run.verdict.outcome,
        reasons: run.verdict.reasons,
        examples: found.examples.iter().map(example).collect(),
    })
}

impl Percentiles {
    fn at(&self, quantile: f64) -> Option<f64> {
        self.percentiles.iter().find(|one| (one.quantile - quantile).abs() < 1e-9)?.ms
    }
}

impl LoadResult {
    /// What is wrong with it, in words; empty when all that was confirmed came once and in order.
    pub(super) fn mistakes(&self) -> Vec<String> {
        let counts = [
            (self.missing, "deliveries of confirmed events are missing"),
            (self.twice, "deliveries came twice"),
            (self.out_of_order, "deliveries came out of order"),
            (self.damaged, "deliveries were damaged or at the wrong subscriber"),
            (self.away, "subscribers were nowhere at the end"),
        ];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        let mut mistakes: Vec<_> = counts.map(|(count, what)| format!("{count} {what}")).collect();
        if self.verified == 0 {
            mistakes.push("nothing was verified".to_owned());
        }
        mistakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With two mistakes of a kind.
    fn result(wrong: &str) -> LoadResult {
        let text = r#"{"schema":"fanfare-loadgen/1","runs":[{
            "subscribers":{"connected":9,"asked":9},
            "publishing":{"sent":10,"acknowledged":8,"longest_pause_ms":4100.0,
                "acknowledgement":{"percentiles":[{"quantile":0.99,"ms":7.5}]}},
            "delivery":{"per_second":40.0,
                "intended":{"percentiles":[{"quantile":0.5,"ms":1.5},{"quantile":0.99,"ms":8.5}]}},
            "correctness":{"gaps":0,"announced":0,"unresumable":0,"duplicates":0,"reordered":0,
                "corrupted":0,"wrong_topic":0,"broken_streams":0,"verified":80,
                "examples":[{"kind":"gap","subscriber":3,"what":"1 events never came"}]},
            "trouble":{"reconnects":6,"away":0,"longest_silence_ms":5200.0},
            "own":{"workers":[{"cpu":0.25},{"cpu":0.5}]},
            "verdict":{"outcome":"fine","reasons":[]}}]}"#;
        let text = text.replace(&format!("\"{wrong}\":0"), &format!("\"{wrong}\":2"));
        parse(&text).expect("a result")
    }

    #[test]
    fn a_result_is_read_by_its_names() {
        let found = result("nothing");
        assert_eq!((found.sent, found.confirmed, found.verified), (10, 8, 80));
        assert_eq!((found.p50_ms, found.p99_ms), (Some(1.5), Some(8.5)));
        assert_eq!((found.silence_ms, found.pause_ms), (Some(5200.0), Some(4100.0)));
        assert_eq!(found.confirmed_p99_ms, Some(7.5));
        assert!((found.generator - 0.5).abs() < 1e-9);
        assert_eq!(found.examples, ["gap, subscriber 3: 1 events never came"]);
        assert_eq!(found.mistakes(), [""; 0]);
        assert!(parse("{}").is_err() && parse(r#"{"runs":[]}"#).is_err());
    }

    #[test]
    fn every_kind_of_mistake_is_one_and_an_announced_loss_is_too_because_nothing_may_be_lost() {
        for (kind, words) in [
            ("gaps", "2 deliveries of confirmed events are missing"),
            ("announced", "2 deliveries of confirmed events are missing"),
            ("unresumable", "2 deliveries of confirmed events are missing"),
            ("duplicates", "2 deliveries came twice"),
            ("reordered", "2 deliveries came out of order"),
            ("corrupted", "2 deliveries were damaged or at the wrong subscriber"),
            ("wrong_topic", "2 deliveries were damaged or at the wrong subscriber"),
            ("broken_streams", "2 deliveries were damaged or at the wrong subscriber"),
            ("away", "2 subscribers were nowhere at the end"),
        ] {
            assert_eq!(result(kind).mistakes(), [words], "{kind}");
        }
        assert_eq!(LoadResult::default().mistakes(), ["nothing was verified"]);
    }
}
