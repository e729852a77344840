//! Topics, what was published on them, and their subscribers.
//!
//! A subscriber gets what it missed and what comes under one lock, so that no event falls between
//! the two. Nothing is ever forgotten: a test is short.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Events on their way to a subscriber; further ones wait, and their publishers with them.
const QUEUE: usize = 4096;

/// An event that was accepted.
#[derive(Debug)]
pub(crate) struct Event {
    /// Its number within its topic, from 1.
    pub(crate) id: u64,
    /// Its number among the events of all topics, from 1.
    pub(crate) number: u64,
    pub(crate) data: Vec<u8>,
    pub(crate) came: Instant,
}

/// What a new subscriber begins with.
pub(super) struct Begin {
    /// The id of the event that comes before the first one of the stream.
    pub(super) after: u64,
    pub(super) missed: Vec<Arc<Event>>,
    pub(super) coming: Receiver<Arc<Event>>,
}

/// All topics.
#[derive(Default)]
pub(super) struct Hub {
    topics: Mutex<HashMap<String, Topic>>,
}

#[derive(Default)]
struct Topic {
    history: Vec<Arc<Event>>,
    seats: Vec<SyncSender<Arc<Event>>>,
}

impl Hub {
    /// Gives an event its id and sends it to every subscriber.
    pub(super) fn publish(&self, topic: &str, data: Vec<u8>) -> u64 {
        let mut topics = self.topics.lock().expect("no thread panics with it");
        let number = 1 + topics.values().map(|topic| topic.history.len() as u64).sum::<u64>();
        let topic = topics.entry(topic.to_owned()).or_default();
        let id = topic.history.len() as u64 + 1;
        let event = Arc::new(Event { id, number, data, came: Instant::now() });
        topic.history.push(event.clone());
        topic.seats.retain(|seat| seat.send(event.clone()).is_ok());
        id
    }

    /// Begins a stream, behind this id or with what comes next.
    pub(super) fn subscribe(&self, topic: &str, last_id: Option<u64>) -> Begin {
        let mut topics = self.topics.lock().expect("no thread panics with it");
        let topic = topics.entry(topic.to_owned()).or_default();
        let after = last_id.unwrap_or(topic.history.len() as u64);
        let missed = topic.history.iter().filter(|event| event.id > after).cloned().collect();
        let (seat, coming) = sync_channel(QUEUE);
        topic.seats.push(seat);
        Begin { after, missed, coming }
    }
}
