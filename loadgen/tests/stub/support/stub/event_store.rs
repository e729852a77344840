//! What the stub server has seen and done, for tests to compare with what the program says.
//!
//! It is written by the threads of all connections while they work, so each record is short, and
//! none lies between the moment that it is about and the write that follows.

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use fanfare_loadgen::payload::Stamp;

use super::Ending;

/// A request for a stream.
#[derive(Clone, Debug)]
pub(crate) struct StreamRequest {
    pub(crate) last_id: Option<String>,
    pub(crate) authorization: Option<String>,
    pub(crate) at: Instant,
}

/// A stream ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) how: Ending,
    /// Just before the last thing that was done to it.
    pub(crate) at: Instant,
}

/// A publish call.
#[derive(Clone, Debug)]
pub(crate) struct Publish {
    pub(crate) method: String,
    pub(crate) kind: Option<String>,
    pub(crate) authorization: Option<String>,
    /// What the payload says; absent when there is none.
    pub(crate) stamp: Option<Stamp>,
}

/// The records of a server.
#[derive(Debug, Default)]
pub(crate) struct EventStore {
    records: Mutex<Records>,
}

#[derive(Debug, Default)]
struct Records {
    requests: Vec<StreamRequest>,
    ends: Vec<End>,
    publishes: Vec<Publish>,
    latencies: Vec<u64>,
}

impl EventStore {
    /// Every request for a stream, in that order.
    pub(crate) fn requests(&self) -> Vec<StreamRequest> {
        self.records().requests.clone()
    }

    /// Every stream that ended, in that order.
    pub(crate) fn ends(&self) -> Vec<End> {
        self.records().ends.clone()
    }

    /// Every event that was published, accepted or not, in that order.
    pub(crate) fn publishes(&self) -> Vec<Publish> {
        self.records().publishes.clone()
    }

    /// For each delivery, the nanoseconds from the moment it was due to its writing, in order of
    /// size.
    pub(crate) fn latencies(&self) -> Vec<u64> {
        let mut latencies = self.records().latencies.clone();
        latencies.sort_unstable();
        latencies
    }

    /// Records a request for a stream, and says how many there were.
    pub(super) fn requested(&self, request: StreamRequest) -> usize {
        let mut records = self.records();
        records.requests.push(request);
        records.requests.len()
    }

    pub(super) fn ended(&self, how: Ending, at: Instant) {
        self.records().ends.push(End { how, at });
    }

    /// Records what was published, and says which number it has, from 1.
    pub(super) fn published(&self, publish: Publish) -> u64 {
        let mut records = self.records();
        records.publishes.push(publish);
        records.publishes.len() as u64
    }

    pub(super) fn delivered(&self, nanos: u64) {
        self.records().latencies.push(nanos);
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().expect("no thread panics with it")
    }
}
