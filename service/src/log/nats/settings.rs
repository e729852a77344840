//! What the shared log is told, and why it cannot be had.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use url::Url;

use super::permissions::Denial;
use super::retention::RetainedLimits;
use crate::log::MemoryLogSettings;

/// Where the stream is, and what is expected of it.
#[derive(Clone, Debug)]
pub struct NatsLogSettings {
    /// URLs of brokers of one cluster.
    pub servers: Vec<String>,
    pub access: BrokerAccess,
    /// Monitoring ports of the brokers, where their settings can be seen.
    pub monitors: Vec<Url>,
    /// The name of the stream; its only subject is this with `.events` behind it.
    pub stream: String,
    /// The stream is made if there is none.
    pub create: bool,
    /// A stream is used that may lose what it has confirmed.
    pub allow_unsafe: bool,
    /// How long an append is held while the brokers do not take it.
    pub append_timeout: Duration,
    /// The largest data of an event, in bytes.
    pub data_bytes_max: usize,
    /// What every node retains, in memory.
    pub retained: MemoryLogSettings,
}

/// How the brokers know this server, and it them.
#[derive(Clone, Debug, Default)]
pub struct BrokerAccess {
    /// A file with credentials (JWT and seed).
    pub credentials: Option<PathBuf>,
    /// A user and its password.
    pub user: Option<(String, BrokerSecret)>,
    pub token: Option<BrokerSecret>,
    /// A certificate and its key, as files.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Certificates that those of the brokers are checked against, beside the system's.
    pub ca: Option<PathBuf>,
}

/// What nobody is to read in a log.
#[derive(Clone)]
pub struct BrokerSecret(pub String);

impl fmt::Debug for BrokerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl NatsLogSettings {
    pub(super) fn subject(&self) -> String {
        format!("{}.events", self.stream)
    }

    pub(super) fn limits(&self) -> RetainedLimits {
        RetainedLimits {
            messages_max: self.retained.events_max as u64,
            bytes_max: self.retained.bytes_max as u64,
            age_max_ms: u64::try_from(self.retained.age_max.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// As it stands in the stream's metadata, so that all nodes retain the same.
impl fmt::Display for RetainedLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages_max, bytes_max, age_max_ms } = self;
        write!(f, "events={messages_max} bytes={bytes_max} age_ms={age_max_ms}")
    }
}

/// Why the shared log cannot be opened.
#[derive(Debug, Error)]
pub enum OpenNatsError {
    #[error("cannot start the threads of the event log: {0}; raise the limits of the process")]
    Threads(#[from] std::io::Error),
    #[error("--nats-credentials {path} cannot be used: {reason}; give a file that `nsc` made")]
    Credentials { path: String, reason: String },
    #[error(
        "cannot connect to --nats {servers}: {reason}; see to it that a NATS server listens there and lets this one in"
    )]
    Connect {
        servers: String,
        reason: String,
        /// They were there, and did not let this one in.
        is_refused: bool,
    },
    #[error(
        "JetStream of --nats {servers} does not answer: {reason}; enable it (`jetstream {{ store_dir: … }}` in nats-server.conf), for the account too, and see to it that most of its servers run"
    )]
    NoAnswer { servers: String, reason: String },
    #[error("the brokers do not let this server {denied}; its user has to be allowed to {needed}")]
    Denied { denied: Denial, needed: String },
    #[error(
        "there is no stream `{stream}`; let this server make it with --nats-create (FANFARE_NATS_CREATE=true)"
    )]
    NoStream { stream: String },
    #[error("the stream `{stream}` cannot be made: {reason}")]
    Create { stream: String, reason: String },
    #[error("the stream `{stream}` cannot be used: {problem}")]
    Stream { stream: String, problem: StreamProblem },
    #[error(
        "the brokers take messages of {has} bytes at most, and events may have more; write `max_payload: {needs}` in nats-server.conf, lower --event-data-max, or say --nats-unsafe: then larger events are refused one by one"
    )]
    Payload { has: usize, needs: usize },
    #[error("the stream `{stream}` cannot be read: {reason}")]
    Read { stream: String, reason: String },
}

impl OpenNatsError {
    /// It may be otherwise in a moment: brokers that have just started have to find each other first.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Connect { is_refused, .. } => !is_refused,
            Self::NoAnswer { .. } | Self::Create { .. } | Self::Read { .. } => true,
            _ => false,
        }
    }
}

/// What is wrong with a stream.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StreamProblem {
    #[error(
        "no Fanfare made it; give another name with --nats-stream, or remove it and let --nats-create make it"
    )]
    NotOurs,
    #[error(
        "its nodes retain `{theirs}`, and this one is to retain `{ours}`; give all nodes the same --retain-events, --retain-bytes and --retain-age"
    )]
    Retention { theirs: String, ours: String },
    #[error("{what}; {remedy}")]
    Setting { what: String, remedy: StreamRemedy },
    #[error(
        "{what}, so that what was confirmed can be lost; {remedy}, or say --nats-unsafe, for trying"
    )]
    Unsafe { what: String, remedy: StreamRemedy },
}

/// What to do about it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StreamRemedy {
    #[error("`nats stream edit {stream} {flags}` mends it")]
    Edit { stream: String, flags: String },
    /// The brokers refuse to change it.
    #[error("that cannot be changed later: remove the stream, and let --nats-create make it anew")]
    MakeAnew,
}
