//! Reading the simulated stream as a node does.

use std::time::Duration;

use rand::RngExt as _;
use tokio::time::{sleep, timeout};

use super::super::entry::{RawMessage, StreamEntry};
use super::super::stream::{ReadingError, SharedStream as _, StreamReading};
use super::{HEARTBEAT, SILENCE, SimulatedStream, Stored};
use crate::event::Sequence;

/// A consumer of one node.
pub(in super::super) struct SimulatedReading {
    stream: SimulatedStream,
    next: u64,
    connections: u64,
}

impl SimulatedReading {
    pub(super) fn begin(stream: SimulatedStream, first: Sequence, connections: u64) -> Self {
        Self { stream, next: first.0, connections }
    }

    fn has_gone(&self) -> bool {
        self.stream.brokers().is_cut_off(self.stream.node)
            || self.stream.connections() != self.connections
    }

    fn some(&mut self) -> Vec<StreamEntry> {
        let mut brokers = self.stream.brokers();
        let count = brokers.random.random_range(1..=20);
        let found = brokers.messages.range(self.next..).take(count);
        let read = |(&sequence, stored): (&u64, &Stored)| {
            StreamEntry::read(RawMessage {
                sequence: Sequence(sequence),
                stored_ms: stored.ms,
                attempt: stored.attempt,
                epoch: stored.epoch,
                headers_bytes: 0,
                body: &stored.body,
            })
        };
        let entries: Vec<_> = found.map(read).collect();
        drop(brokers);
        if let Some(last) = entries.last() {
            self.next = last.sequence.0 + 1;
        }
        entries
    }
}

impl StreamReading for SimulatedReading {
    async fn next(&mut self) -> Result<Vec<StreamEntry>, ReadingError> {
        // The broker that is cut off keeps the consumer itself.
        if self.stream.brokers().is_isolated(self.stream.node) {
            sleep(HEARTBEAT).await;
            return Ok(Vec::new());
        }
        let is_troubled = self.stream.brokers().is_troubled();
        if is_troubled || self.has_gone() {
            sleep(SILENCE).await;
            return Err(ReadingError::Silence);
        }
        let waiting = async {
            loop {
                let entries = self.some();
                if !entries.is_empty() {
                    return entries;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        Ok(timeout(HEARTBEAT, waiting).await.unwrap_or_default())
    }

    fn pending(&self) -> u64 {
        self.stream.brokers().messages.range(self.next..).count() as u64
    }
}
