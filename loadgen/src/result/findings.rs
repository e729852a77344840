//! Whether what arrived is what was sent, what went wrong on the way, and the verdict.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Distribution;

/// Whether what arrived is what was sent. Every figure is a count of events, over all subscribers.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Correctness {
    /// Never arrived, and were not announced as lost.
    pub(crate) gaps: u64,
    /// Never arrived, and were announced as lost (`fanfare-gap`, or an event type of
    /// `--loss-event`).
    pub(crate) announced: u64,
    /// Never arrived, published while the subscriber was away without an id to resume from.
    pub(crate) unresumable: u64,
    /// Arrived again.
    pub(crate) duplicates: u64,
    /// Arrived after a later one of the same publisher and topic.
    pub(crate) reordered: u64,
    /// Arrived after a later one of the same publisher and topic, and had not been accepted, so that
    /// its publisher had gone on.
    #[serde(default)]
    pub(crate) overtaken: u64,
    /// Arrived with other bytes than were sent.
    pub(crate) corrupted: u64,
    /// Arrived at a subscriber of another topic.
    pub(crate) wrong_topic: u64,
    /// Events that are not of this run, or carry no payload of a load generator.
    pub(crate) foreign: u64,
    /// Streams whose framing broke: a chunk without a length, a line longer than the limit.
    pub(crate) broken_streams: u64,
    /// Streams that said that they are event streams and held none of its lines.
    #[serde(default)]
    pub(crate) strange_streams: u64,
    /// Events that were compared with those that had to come, at all subscribers that were parsed:
    /// what the counts above rest on. Absent in files of earlier versions.
    pub(crate) verified: Option<u64>,
    /// Events that arrived and could not be compared with anything, because they carry no payload
    /// of a load generator or are of too many sequences.
    #[serde(default)]
    pub(crate) unverified: u64,
    /// Events of types `fanfare-…` that announce no loss: the server sends them for itself.
    #[serde(default)]
    pub(crate) notices: u64,
    /// The first few, in words.
    pub(crate) examples: Vec<Finding>,
}

/// One thing that was wrong.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Finding {
    /// `gap`, `duplicate`, `reordered`, `corrupted`, `wrong topic`, `broken stream`,
    /// `strange stream`.
    pub(crate) kind: String,
    /// Which subscriber.
    pub(crate) subscriber: u64,
    /// In words, with the numbers that were expected and seen.
    pub(crate) what: String,
}

/// How streams ended and reconnected, and which faults were injected.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Trouble")]
pub(crate) struct StreamFaults {
    /// Cut by the generator in order (FIN).
    pub(crate) cut_fin: u64,
    /// Cut by the generator with a reset (RST).
    pub(crate) cut_rst: u64,
    /// Of these, in reconnect storms.
    pub(crate) cut_in_storm: u64,
    /// Closed by the server unexpectedly, at subscribers that read as fast as they can.
    pub(crate) closed_by_server: u64,
    /// Failed on the way, by kind, at the same.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Reconnected.
    pub(crate) reconnects: u64,
    /// Closed by the server after it had announced that their topics had ended (`fanfare-end`).
    #[serde(default)]
    pub(crate) ended: u64,
    /// Reconnect delays that were lengthened, so that no subscriber connects more often than ten
    /// times a second.
    #[serde(default)]
    pub(crate) lengthened: u64,
    /// Reconnected with the id of their last event.
    pub(crate) resumed: u64,
    /// Had not reconnected at the end.
    pub(crate) away: u64,
    /// From the start of a reconnection attempt until its response headers were there.
    pub(crate) reconnect: Option<Distribution>,
    /// From the end of a stream until the first byte of the next one, with the reconnect delay.
    pub(crate) outage: Option<Distribution>,
    /// From the start of a reconnection attempt until the last event had arrived that had been sent
    /// before its response headers were there. Of subscribers that resumed.
    #[serde(default)]
    pub(crate) catch_up: Option<Distribution>,
    /// From the start of the first of these attempts until the last of these subscribers had caught
    /// up. It says something where the streams ended at one moment.
    #[serde(default)]
    pub(crate) recovery_ms: Option<f64>,
    /// The longest time in which a subscriber got no event, with a stream or without one, from the
    /// start of publishing. Of those that read as fast as they can and are verified.
    #[serde(default)]
    pub(crate) longest_silence_ms: Option<f64>,
    /// Subscribers that read slowly or not at all, by their class: `slow`, `stopped`, `vanished`.
    pub(crate) classes: BTreeMap<String, ClassReport>,
}

/// What became of subscribers that read slowly or not at all.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ClassReport {
    /// How many.
    pub(crate) subscribers: u64,
    /// Events that arrived at them.
    pub(crate) received: u64,
    /// Events that would have arrived at a fast reader.
    pub(crate) expected: Option<u64>,
    /// Losses that were announced to them.
    pub(crate) announced: u64,
    /// Losses that were not announced to them, at streams that were still open at the end and that
    /// had read past them.
    pub(crate) gaps: u64,
    /// Streams that they saw the server close. An end may wait behind what is not read; `vanished`
    /// ones see none, nor do `stopped` ones over HTTP/2 and TLS.
    pub(crate) closed: u64,
    /// How long until they saw that, from the start of publishing.
    pub(crate) until_closed: Option<Distribution>,
}

/// What the load generator itself cost and how late it was.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Own {
    /// How long data that a worker knew of waited before it was read, for each event: lateness that
    /// the generator added to its figures.
    pub(crate) reading_lag: Option<Distribution>,
    /// The intended latency if every event had been read at the moment at which its worker knew of
    /// it: what the headline would be without the lag above.
    pub(crate) latency_when_known: Option<Distribution>,
    /// How late timers ran.
    pub(crate) timer_lateness: Option<Distribution>,
    /// Each worker.
    pub(crate) workers: Vec<WorkerUse>,
    /// Resident memory of the generator at the end, all processes together, in bytes.
    pub(crate) memory: u64,
}

/// What one worker used while events were published.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WorkerUse {
    /// Its name, with the process when there are several.
    pub(crate) name: String,
    /// Share of one core that it used.
    pub(crate) cpu: f64,
    /// Share of the time that it was ready and waited for a core; absent where the kernel does not
    /// say.
    pub(crate) waiting: Option<f64>,
    /// Events that it read.
    pub(crate) deliveries: u64,
}

/// An SLO and whether it was met.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Goal")]
pub(crate) struct SloResult {
    /// As it was written, for instance `delivery.p99<25ms`.
    pub(crate) expression: String,
    /// What was measured, in words; absent when it could not be.
    pub(crate) measured: Option<String>,
    /// Whether it was met.
    pub(crate) met: bool,
}

/// How a run ended, the worst last.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// What was verified was right, and the SLOs were met.
    #[default]
    #[serde(rename = "fine")]
    Pass,
    /// An SLO was missed. Exit code 2.
    #[serde(rename = "goal-missed")]
    SloMissed,
    /// The generator was the limit: the figures say nothing about the server. Exit code 4.
    Invalid,
    /// Events were lost, repeated, out of order, damaged, or went to the wrong subscriber. Exit
    /// code 3.
    Wrong,
    /// No subscriber could connect. Exit code 5.
    Unreachable,
}

/// The verdict.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Verdict {
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// What the program returned for it.
    pub(crate) exit_code: u8,
    /// One sentence.
    pub(crate) headline: String,
    /// Why, one sentence each; empty when the run passed.
    pub(crate) reasons: Vec<String>,
    /// What a reader should know, though it changes nothing.
    pub(crate) notes: Vec<String>,
}
