//! What a run found, as it is written to a file: plain data that every report is made from, and
//! that
//! `compare` and `report` read back.
//!
//! The names here are a published interface: `schema/result-v1.json` is generated from these types.
//! A field may be added within a version; taking one away or changing its meaning makes a new one.
//! Times are in milliseconds unless a name says otherwise.

mod distribution;
mod environment;
mod findings;
mod series;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use distribution::{
    Distribution, QUANTILES, Reached, counting_undelivered, decode_histogram, milliseconds,
};
pub(crate) use environment::{Environment, Limits};
pub(crate) use findings::{
    ClassReport, Correctness, Finding, Outcome, Own, SloResult, StreamFaults, Verdict, WorkerUse,
};
pub(crate) use series::{EventCompletion, Second};

/// What the first line of a result file says, so that a reader knows what it holds.
pub(crate) const SCHEMA: &str = "fanfare-loadgen/1";

/// A result file: one run, or several runs of the same scenario.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Result of loadgen, version 1")]
pub(crate) struct ResultFile {
    /// Always `fanfare-loadgen/1`.
    pub(crate) schema: String,
    /// The runs, in the order in which they were made.
    pub(crate) runs: Vec<Run>,
}

/// Why bytes are no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnreadableResult {
    #[error("it is empty; delete it, or name another file")]
    Empty,
    #[error(
        "it ends in the middle, as a file does whose writing was broken off; bring back a copy, or \
         delete it and make its runs again"
    )]
    Truncated,
    #[error("{0}")]
    Malformed(String),
    #[error("it says {0:?}, this program reads {SCHEMA:?}")]
    OtherSchema(String),
}

impl ResultFile {
    /// Reads the bytes of a file.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, UnreadableResult> {
        if bytes.trim_ascii().is_empty() {
            return Err(UnreadableResult::Empty);
        }
        let file: Self = serde_json::from_slice(bytes).map_err(|error| {
            if error.is_eof() {
                UnreadableResult::Truncated
            } else {
                UnreadableResult::Malformed(error.to_string())
            }
        })?;
        if file.schema != SCHEMA {
            return Err(UnreadableResult::OtherSchema(file.schema));
        }
        Ok(file)
    }
}

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Run {
    /// The scenario's name, or `run` when there was none.
    pub(crate) name: String,
    /// What the scenario is for.
    pub(crate) about: Option<String>,
    /// Marks the payloads of this run, so that those of another are not taken for its own.
    pub(crate) run_id: String,
    /// When it began, RFC 3339, UTC.
    pub(crate) started_at: String,
    /// The settings in effect, under the names of the flags.
    pub(crate) settings: BTreeMap<String, serde_json::Value>,
    /// Equal for two runs of the same load: a hash of what the settings and defaults
    /// came to, without where it went.
    pub(crate) scenario_hash: String,
    /// The machine and the programs.
    pub(crate) environment: Environment,
    /// How long each part took.
    pub(crate) phases: PhaseTimes,
    /// The subscribers.
    pub(crate) subscribers: Subscribers,
    /// How long it took to connect.
    pub(crate) connecting: Connecting,
    /// What was published; absent when the server produced by itself.
    pub(crate) publishing: Option<PublishingResult>,
    /// What arrived, and when.
    pub(crate) delivery: Delivery,
    /// Whether it was what had been sent.
    pub(crate) correctness: Correctness,
    /// How streams ended and reconnected, and which faults were injected.
    #[serde(rename = "trouble")]
    pub(crate) faults: StreamFaults,
    /// What the generator itself cost and how late it was.
    pub(crate) own: Own,
    /// What the server cost; absent unless asked for.
    pub(crate) server: Option<Server>,
    /// One entry a second, from the start of publishing.
    pub(crate) seconds: Vec<Second>,
    /// The SLOs and whether they were met.
    #[serde(rename = "goals")]
    pub(crate) slos: Vec<SloResult>,
    /// The verdict.
    pub(crate) verdict: Verdict,
}

/// How long each part of the run took.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PhaseTimes {
    /// From the first connection attempt until all subscribers were there or had given up.
    pub(crate) ramp_seconds: f64,
    /// From the start of publishing to its end.
    pub(crate) measured_seconds: f64,
    /// From the end of publishing until everything expected had arrived, or the wait ended.
    pub(crate) tail_seconds: f64,
}

/// The subscribers.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Subscribers {
    /// How many the load has.
    #[serde(rename = "asked")]
    pub(crate) requested: u64,
    /// How many were connected when the ramp ended.
    pub(crate) connected: u64,
    /// How many topics they were spread over.
    pub(crate) topics: u64,
    /// How many of them are parsed and verified; bytes are counted for the rest.
    pub(crate) verified: u64,
    /// Attempts that failed, by kind, before and after the ramp.
    pub(crate) failures: BTreeMap<String, u64>,
    /// Bytes of the generator's own memory for each, by what the process grew during the ramp.
    pub(crate) own_bytes_each: Option<f64>,
    /// What the server called itself in its response.
    pub(crate) server_header: Option<String>,
    /// `http/1.1` or `h2`, and whether through TLS.
    pub(crate) protocol: String,
}

/// How long it took to connect, in milliseconds from the start of each attempt.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Connecting {
    /// Until TCP was established.
    pub(crate) tcp: Option<Distribution>,
    /// Until TLS was established.
    pub(crate) tls: Option<Distribution>,
    /// Until the response headers were complete.
    pub(crate) head: Option<Distribution>,
    /// Until the first byte of the stream.
    pub(crate) first_byte: Option<Distribution>,
    /// Until the first event.
    pub(crate) first_event: Option<Distribution>,
}

/// What was published.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
// The schema of results is an interface.
#[schemars(rename = "Publishing")]
pub(crate) struct PublishingResult {
    /// `raw`, `form`, `ndjson`, `template` or `command`.
    pub(crate) style: String,
    /// Whether the schedule goes on whatever the server does; false in a closed loop.
    pub(crate) open_loop: bool,
    /// Events that the schedule held.
    pub(crate) slots: u64,
    /// Events sent.
    pub(crate) sent: u64,
    /// Events that the server accepted.
    pub(crate) acknowledged: u64,
    /// Events sent that were not accepted, by kind.
    pub(crate) refusals: BTreeMap<String, u64>,
    /// Events sent more than a millisecond after they were due.
    pub(crate) late: u64,
    /// Events of the schedule that were never sent, because those before them took too long.
    pub(crate) missed: u64,
    /// Events a second of the schedule; absent in a closed loop.
    #[serde(rename = "asked_rate")]
    pub(crate) requested_rate: Option<f64>,
    /// Events a second that were accepted.
    pub(crate) reached_rate: f64,
    /// From the call to its response.
    pub(crate) acknowledgement: Option<Distribution>,
    /// From the moment an event was due to the call, when the publisher was idle at that moment:
    /// the send delay, which the load generator caused.
    pub(crate) own_lateness: Option<Distribution>,
    /// From the moment an event was due to the call, when its publisher was still waiting for the
    /// server: delay that the server caused.
    pub(crate) blocked_lateness: Option<Distribution>,
    /// The longest time in which no event was accepted, from the start of publishing to its end, over
    /// all publishers.
    #[serde(default)]
    pub(crate) longest_pause_ms: Option<f64>,
}

/// What arrived, and when.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Delivery {
    /// Events that arrived at subscribers that read as fast as they can. Repeated ones count here;
    /// those of sampled runs that were not parsed are estimated from their bytes.
    pub(crate) received: u64,
    /// Events that should have arrived at them; absent when that is not known.
    pub(crate) expected: Option<u64>,
    /// The delivery ratio: the share of the expected events that arrived at least once.
    pub(crate) reach: Option<f64>,
    /// Bytes of bodies that arrived, of all subscribers.
    pub(crate) bytes: u64,
    /// Comment lines that arrived at subscribers that were parsed: servers send them as heartbeats.
    #[serde(default)]
    pub(crate) comments: u64,
    /// Events a second, from the start of publishing until the last one arrived.
    pub(crate) per_second: f64,
    /// From the moment an event was due. The headline: what a user would have seen.
    pub(crate) intended: Option<Distribution>,
    /// From the moment its publish call began.
    pub(crate) actual: Option<Distribution>,
    /// The percentiles of `intended` when events that never arrived count as infinitely late.
    pub(crate) intended_counting_undelivered: Vec<Reached>,
    /// Events that arrived before they were due by the clock: the clock is wrong by at least so
    /// much.
    pub(crate) negative: u64,
    /// The smallest latency seen when any was negative, in milliseconds.
    pub(crate) most_negative_ms: Option<f64>,
    /// Which clock, and what may be said with it.
    pub(crate) clock: String,
    /// How far off the clocks of publisher and subscribers may be, when they are not one.
    pub(crate) clock_error_ms: Option<f64>,
    /// The distribution over subscribers of their own mean latency: wide when some are always late.
    pub(crate) fairness: Option<Distribution>,
    /// How long it took until an event had reached the first, the median, and the last subscriber.
    pub(crate) completion: Option<Completion>,
}

/// Until an event had reached its subscribers, over a sample of events, from when it was due.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Completion {
    /// How many events were followed.
    pub(crate) events: u64,
    /// Of them, those that reached every subscriber.
    pub(crate) complete: u64,
    /// The first subscriber.
    pub(crate) first: Option<Distribution>,
    /// Half of them.
    pub(crate) median: Option<Distribution>,
    /// 99 % of them.
    pub(crate) most: Option<Distribution>,
    /// The last.
    pub(crate) last: Option<Distribution>,
    /// Each event that was followed, in order of time; at most 1,000.
    pub(crate) each: Vec<EventCompletion>,
}

/// What the server cost, as the kernel and the server itself say.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Server {
    /// The process that was watched.
    pub(crate) process: Option<ServerProcess>,
    /// Figures of its metrics page that changed from before the first connection to the end.
    pub(crate) metrics: Vec<MetricChange>,
    /// Why something that was asked for is missing, or may not be what it seems.
    pub(crate) notes: Vec<String>,
}

/// What the server's process cost.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ServerProcess {
    /// Its id.
    pub(crate) pid: u32,
    /// Its command line.
    pub(crate) command: String,
    /// Seconds of CPU from the start of publishing to the end of the tail.
    pub(crate) cpu_seconds: f64,
    /// Microseconds of CPU for each event that arrived. On loopback the kernel does the receiver's
    /// work inside the sender's call, so this is more than it would be over a network.
    pub(crate) cpu_us_per_delivery: Option<f64>,
    /// Microseconds of CPU for each connection of the ramp.
    pub(crate) cpu_us_per_connection: Option<f64>,
    /// Resident memory before the first connection, in bytes.
    pub(crate) memory_before: u64,
    /// The same when all were connected and nothing had been published.
    pub(crate) memory_connected: u64,
    /// The same at the end.
    pub(crate) memory_after: u64,
    /// Growth of resident memory during the ramp, for each subscriber. Too low when the server had
    /// subscribers before, whose memory it reuses.
    pub(crate) memory_per_subscriber: Option<f64>,
    /// Kernel memory of all TCP sockets of its network before the first connection, in bytes.
    pub(crate) sockets_before: Option<u64>,
    /// The same when all were connected.
    pub(crate) sockets_connected: Option<u64>,
    /// The most seen while publishing.
    pub(crate) sockets_peak: Option<u64>,
}

/// A figure of the server's metrics page.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MetricChange {
    /// Name and labels, as they are written there.
    pub(crate) series: String,
    /// Before the first connection.
    pub(crate) before: f64,
    /// At the end.
    pub(crate) after: f64,
}
