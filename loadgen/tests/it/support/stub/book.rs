//! What the server has seen and done, for tests to compare with what the program says.
//!
//! It is written by the threads of all connections while they work, so each note is short, and none
//! lies between the moment that it is about and the write that follows.

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use fanfare_loadgen::payload::Stamp;

use super::Ending;

/// Somebody asked for a stream.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
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

/// Somebody published.
#[derive(Clone, Debug)]
pub(crate) struct Publish {
    pub(crate) method: String,
    pub(crate) kind: Option<String>,
    pub(crate) authorization: Option<String>,
    /// What the payload says; absent when there is none.
    pub(crate) stamp: Option<Stamp>,
}

/// The notes of a server.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    asks: Vec<Ask>,
    ends: Vec<End>,
    publishes: Vec<Publish>,
    latencies: Vec<u64>,
}

impl Book {
    /// Everybody who asked for a stream, in that order.
    pub(crate) fn asks(&self) -> Vec<Ask> {
        self.pages().asks.clone()
    }

    /// Every stream that ended, in that order.
    pub(crate) fn ends(&self) -> Vec<End> {
        self.pages().ends.clone()
    }

    /// Every event that was published, accepted or not, in that order.
    pub(crate) fn publishes(&self) -> Vec<Publish> {
        self.pages().publishes.clone()
    }

    /// For each delivery, the nanoseconds from the moment it was due to its writing, in order of
    /// size.
    pub(crate) fn latencies(&self) -> Vec<u64> {
        let mut latencies = self.pages().latencies.clone();
        latencies.sort_unstable();
        latencies
    }

    /// Writes down who asks, and says how many have.
    pub(super) fn asked(&self, ask: Ask) -> usize {
        let mut pages = self.pages();
        pages.asks.push(ask);
        pages.asks.len()
    }

    pub(super) fn ended(&self, how: Ending, at: Instant) {
        self.pages().ends.push(End { how, at });
    }

    /// Writes down what was published, and says which number it has, from 1.
    pub(super) fn published(&self, publish: Publish) -> u64 {
        let mut pages = self.pages();
        pages.publishes.push(publish);
        pages.publishes.len() as u64
    }

    pub(super) fn delivered(&self, nanos: u64) {
        self.pages().latencies.push(nanos);
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().expect("no thread panics with it")
    }
}
