//! What a run is to do, with every value checked: the only thing that the parts below see of flags
//! and files. Plain data that a worker process is sent as it is.
//!
//! Which topic, target and class a subscriber has follows from its number alone
//! ([`assignment`]), so that no two parts have to agree on a list.

mod assignment;
mod bounds;
mod build;
mod check;
mod credentials;
mod defaults;
mod error;
mod headers;
mod load;
mod schedule;
mod settings;
mod signed_token;
mod target;
mod template;
mod words;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;

pub(crate) use assignment::{Class, spread};
pub(crate) use bounds::{FileBudget, FilesError, local_ports};
pub(crate) use credentials::{HIDDEN, without_secrets};
pub(crate) use error::PlanError;
pub(crate) use schedule::{Form, Rate, Schedule};
pub(crate) use settings::Settings;
pub(crate) use target::{Address, Endpoint, Protocol, Target, TlsTrust};
pub(crate) use template::Template;
pub(crate) use words::{Cut, PublishStyle, Reconnect, Span, Verify};

/// A whole run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) about: Option<String>,
    /// Marks the payloads of this run.
    pub(crate) run: u32,
    pub(crate) seed: u64,
    /// Where subscribers go, in turn.
    pub(crate) targets: Vec<Target>,
    /// Who has lost its server goes on at the next one.
    pub(crate) failover: bool,
    pub(crate) ramp: Ramp,
    pub(crate) topics: Topics,
    /// None: the server produces by itself, or nothing is to come.
    pub(crate) publishing: Option<Publishing>,
    pub(crate) timing: Timing,
    pub(crate) verify: Verify,
    /// Kinds of events by which a server announces a loss.
    pub(crate) loss_events: Vec<String>,
    pub(crate) faults: FaultPlan,
    pub(crate) processes: usize,
    /// Reading threads of each process.
    pub(crate) workers: usize,
    pub(crate) server: ServerWatch,
    /// Whether metrics are exported, for which a delivery is recorded once more.
    pub(crate) exports: bool,
}

/// How subscribers come.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Ramp {
    pub(crate) connections: usize,
    /// New connections a second; infinite when not limited.
    pub(crate) connect_rate: Option<f64>,
    /// Attempts at the same time, over all workers.
    pub(crate) handshakes: usize,
    /// Attempts of a subscriber before it gives up.
    pub(crate) attempts: u32,
    /// How long one attempt may take.
    pub(crate) handshake_timeout: Duration,
    /// How long all of it may take.
    pub(crate) timeout: Duration,
}

/// Which topics there are, and how subscribers and events are spread over them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Topics {
    pub(crate) count: u32,
    /// Whether every subscriber has a topic of its own.
    pub(crate) own: bool,
    /// Exponent of a Zipf distribution of subscribers over topics; uniform without.
    pub(crate) zipf: Option<f64>,
    /// The same of events over topics.
    pub(crate) event_zipf: Option<f64>,
}

/// What is published, when and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Publishing {
    pub(crate) style: PublishStyle,
    /// Where publishers send their events, in turn; none for a command.
    pub(crate) targets: Vec<PublishTarget>,
    /// The topic's name for styles that name it in the body.
    pub(crate) topic: Template,
    /// The body of style `template`, or the words of style `command`.
    pub(crate) body: Vec<Template>,
    pub(crate) method: String,
    pub(crate) publishers: usize,
    pub(crate) schedule: Schedule,
    /// Bytes of a payload.
    pub(crate) payload: usize,
    /// How long a response may take.
    pub(crate) timeout: Duration,
}

/// A place to publish at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PublishTarget {
    pub(crate) endpoint: Endpoint,
    pub(crate) path: Template,
    pub(crate) headers: Vec<(String, String)>,
}

impl Publishing {
    /// Where a publisher begins.
    pub(crate) fn place_of(&self, publisher: usize) -> usize {
        publisher % self.targets.len().max(1)
    }

    /// Whether a request says which event it is of, so that it may be made again.
    pub(crate) fn names_the_event(&self) -> bool {
        let bodies = self.body.iter();
        bodies.chain(self.targets.iter().map(|target| &target.path)).any(Template::names_the_event)
    }
}

/// How long each part takes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Timing {
    /// Published and verified, but in no histogram.
    pub(crate) warmup: Duration,
    /// Published after the warm-up.
    pub(crate) duration: Duration,
    /// How long to wait for what has not arrived.
    pub(crate) tail: Duration,
    pub(crate) clock: Clock,
    /// How far off the clocks of publisher and subscriber may be, when they are not one.
    pub(crate) clock_error: Option<Duration>,
}

impl Timing {
    /// How long events are published.
    pub(crate) fn publishing(&self) -> Duration {
        self.warmup + self.duration
    }
}

/// Faults to inject. Shares are from 0 to 1 of all subscribers.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct FaultPlan {
    pub(crate) slow_share: f64,
    /// Bytes a second.
    pub(crate) slow_rate: u64,
    pub(crate) stopped_share: f64,
    pub(crate) vanished_share: f64,
    /// The mean time between two cuts of a subscriber.
    pub(crate) cut_every: Option<Duration>,
    pub(crate) cut: Cut,
    /// When, from the start of publishing, and which share.
    pub(crate) storm: Option<(Duration, f64)>,
    pub(crate) reconnect: Reconnect,
    /// The wait before a new attempt until the server names one.
    pub(crate) retry: Duration,
    /// Added to each wait: up to so much of it, at random.
    pub(crate) jitter: f64,
    /// `SO_RCVBUF` of all subscribers; slow and stopped ones have a small one anyway.
    pub(crate) receive_buffer: Option<usize>,
}

/// What to look at on the server's side.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ServerWatch {
    pub(crate) pid: Option<u32>,
    pub(crate) metrics: Option<MetricsPage>,
}

/// A page of metrics to read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MetricsPage {
    pub(crate) endpoint: Endpoint,
    pub(crate) path: String,
    /// The value of `Authorization`.
    pub(crate) authorization: Option<String>,
}
