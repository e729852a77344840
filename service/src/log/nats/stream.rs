//! The stream as a node uses it: looked at, read and written. Brokers are behind it, and in tests
//! simulated ones.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;

use super::entry::{Attempt, StreamEntry};
use super::identity::SeenStream;
use super::stream_config::StreamEpoch;
use crate::event::Sequence;

/// What a node needs of the stream.
pub(super) trait SharedStream: Clone + Send + Sync + 'static {
    type Reading: StreamReading;
    /// Ends when the brokers have said something, or will not in time.
    type Confirming: Future<Output = Confirmation> + Send;

    fn name(&self) -> &str;

    /// The longest body that a message may have, in bytes.
    fn body_bytes_max(&self) -> usize;

    /// Whether there is any use in sending now.
    fn is_connected(&self) -> bool;

    /// How often a connection was made. What happened between two of them has to be looked at.
    fn connections(&self) -> u64;

    /// Reconnects to another broker that has a majority, if there is one, and says whether it does.
    fn fail_over(&self) -> impl Future<Output = bool> + Send;

    /// What the stream has now.
    fn look(&self) -> impl Future<Output = Result<StreamState, LookError>> + Send;

    /// The same, with the message at a node's head.
    fn look_at(&self, head: Sequence)
    -> impl Future<Output = Result<SeenStream, LookError>> + Send;

    /// Begins to read with this message.
    fn read_from(
        &self,
        first: Sequence,
    ) -> impl Future<Output = Result<Self::Reading, ReadingError>> + Send;

    /// Sends an event; nothing when it cannot even be sent. Events come in the order in which they were
    /// sent.
    fn send(
        &self,
        attempt: Attempt,
        body: Bytes,
    ) -> impl Future<Output = Option<Self::Confirming>> + Send;

    /// Begins another epoch behind this message, if it is still the last. Others may be faster.
    fn begin_epoch(&self, last: Sequence) -> impl Future<Output = Result<(), LookError>> + Send;

    /// Writes down which epoch has begun, for nodes that begin to read behind its record.
    fn record(&self, begun: StreamEpoch) -> impl Future<Output = Result<(), LookError>> + Send;
}

/// Messages in their order, from one on.
pub(super) trait StreamReading: Send {
    /// The next ones, as soon as there are any; none when the brokers only said that they are there.
    fn next(&mut self) -> impl Future<Output = Result<Vec<StreamEntry>, ReadingError>> + Send;

    /// How many are yet to come, as the brokers said last.
    fn pending(&self) -> u64;
}

/// What the brokers said of an event that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Confirmation {
    /// They have it.
    Stored,
    /// They have not taken it, this time.
    Refused,
    /// Nobody knows.
    Unclear,
}

/// What the brokers say of the stream.
#[derive(Clone, Debug)]
pub(super) struct StreamState {
    pub(super) recorded: StreamEpoch,
    pub(super) first: Sequence,
    pub(super) last: Sequence,
    /// When the message before the first was stored, at the latest.
    pub(super) first_ms: u64,
    /// Which broker leads it; nothing where it is alone, or none does.
    pub(super) leader: Option<String>,
    /// How long ago the leader last heard of so many that they are a majority together: zero where one broker keeps
    /// the stream alone, and the maximum where no leader is known. A leader that was cut off from the others
    /// still answers.
    pub(super) majority_ago: Duration,
}

/// Why the stream cannot be looked at now.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum LookError {
    #[error("the stream is gone")]
    NoStream,
    #[error("it is no stream of Fanfare any more")]
    NotOurs,
    #[error("the brokers do not answer: {0}")]
    Away(String),
}

/// Why no more can be read.
#[derive(Debug, Error)]
pub(super) enum ReadingError {
    #[error("no consumer can be made: {0}")]
    Consumer(String),
    #[error("nothing was heard of the consumer for two seconds")]
    Silence,
    #[error("the connection was lost")]
    Connection,
    #[error("the consumer has gone: {0}")]
    Gone(String),
    #[error("messages were lost on the way")]
    Lost,
    #[error("a message cannot be understood: {0}")]
    Unclear(String),
}
