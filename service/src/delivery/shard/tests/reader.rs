//! The sink of the tests.

use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use mio::Registry;

use super::super::super::batch::Batch;
use super::super::super::keys::SubscriberKey;
use super::super::super::sink::{Finish, Offer, Sent, Sink};
use crate::event::{Block, HEARTBEAT, HubId};

/// A sink that writes down what it is given, and the test's view of it.
#[derive(Clone, Debug)]
pub(super) struct Reader(Arc<Mutex<Reading>>);

#[derive(Debug)]
pub(super) struct Reading {
    pub(super) key: Option<SubscriberKey>,
    pub(super) segments: Vec<Bytes>,
    /// How many segments it takes before it is full.
    pub(super) room: usize,
    /// Of the next batch it takes so many bytes, modulo its length, and is full then.
    pub(super) cut: Option<usize>,
    /// It says once that it would take something, and then does not.
    pub(super) fickle: bool,
    /// It has not always taken everything.
    pub(super) was_full: bool,
    /// It has said that it is full, and is to notify the shard when it is not.
    pub(super) wants_wakeup: bool,
    pub(super) gone: bool,
    /// What has been polled and has yet to leave, in bytes.
    pub(super) held: usize,
    /// Its bytes are polled, as by hyper.
    pub(super) polled: bool,
    pub(super) end: Option<End>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Finished(Bytes),
    Aborted,
    Disconnected,
}

impl Reading {
    /// Takes nothing now, and is to notify the shard when it does.
    fn refuse(&mut self) -> Offer {
        self.wants_wakeup = true;
        self.was_full = true;
        Offer::Full
    }
}

impl Reader {
    pub(super) fn with_room(room: usize) -> Self {
        Self(Arc::new(Mutex::new(Reading {
            key: None,
            segments: Vec::new(),
            room,
            cut: None,
            fickle: false,
            was_full: false,
            wants_wakeup: false,
            gone: false,
            held: 0,
            polled: false,
            end: None,
        })))
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Reading) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    /// A full sink has yet to be rid of its last bytes.
    pub(super) fn continue_reading(&self) -> Finish {
        self.change(|reading| {
            let is_done = if reading.polled { reading.held == 0 } else { reading.room > 0 };
            if is_done { Finish::Done } else { Finish::Pending }
        })
    }

    /// Takes some frames, if there is room.
    pub(super) fn take(&mut self, frames: &Bytes) -> Offer {
        let offer = self.readiness();
        if offer != Offer::Taken {
            return offer;
        }
        assert!(!frames.is_empty(), "nothing is not a segment");
        self.change(|reading| {
            if std::mem::take(&mut reading.fickle) {
                return reading.refuse();
            }
            reading.room -= 1;
            reading.segments.push(frames.clone());
            Offer::Taken
        })
    }

    /// Whether the shard still holds the sink.
    pub(super) fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    pub(super) fn fill(&self) {
        self.change(|reading| reading.room = 0);
    }

    pub(super) fn cut_after(&self, bytes: usize) {
        self.change(|reading| reading.cut = Some(bytes));
    }

    pub(super) fn be_fickle(&self) {
        self.change(|reading| reading.fickle = true);
    }

    pub(super) fn key(&self) -> SubscriberKey {
        self.change(|reading| reading.key).unwrap()
    }

    pub(super) fn bytes(&self) -> Vec<Bytes> {
        self.change(|reading| reading.segments.clone())
    }

    pub(super) fn end(&self) -> Option<End> {
        self.change(|reading| reading.end.clone())
    }

    /// What each segment holds, as words: `2 3` are two events, by their sequences.
    pub(super) fn segments(&self) -> Vec<String> {
        self.bytes().iter().map(in_words).collect()
    }

    /// The sequences of all events, in whatever segments they came.
    pub(super) fn sequences(&self) -> Vec<u64> {
        self.segments().join(" ").split_whitespace().map(|word| word.parse().unwrap()).collect()
    }
}

pub(super) fn in_words(segment: &Bytes) -> String {
    if *segment == HEARTBEAT {
        return "heartbeat".to_owned();
    }
    let text = std::str::from_utf8(segment).unwrap();
    if let Some(id) = text.strip_prefix("id: ").and_then(|text| text.strip_suffix("\n\n"))
        && !id.contains('\n')
    {
        return format!("at-{}", sequence_in(id));
    }
    let frames = text.strip_suffix("\n\n").expect("a segment is whole frames").split("\n\n");
    frames.map(frame_in_words).collect::<Vec<_>>().join(" ")
}

pub(super) fn frame_in_words(frame: &str) -> String {
    if let Some(json) = frame.strip_prefix("event: fanfare-gap\ndata: ") {
        let gap: serde_json::Value = serde_json::from_str(json).unwrap();
        let place = |field: &str| gap[field].as_str().map_or("?".to_owned(), sequence_in);
        return format!(
            "(missed {} after {} before {})",
            gap["missed"],
            place("after"),
            place("before")
        );
    }
    if let Some(json) = frame.strip_prefix("event: fanfare-end\ndata: ") {
        let end: serde_json::Value = serde_json::from_str(json).unwrap();
        let topics = end["topics"].as_array().unwrap().iter().map(|topic| topic.as_str().unwrap());
        return format!("end[{}]", topics.collect::<Vec<_>>().join(","));
    }
    sequence_in(frame.lines().next().unwrap().strip_prefix("id: ").unwrap())
}

pub(super) fn sequence_in(id: &str) -> String {
    HubId::parse(id).map_or_else(|| id.to_owned(), |id| id.sequence.to_string())
}

impl Sink for Reader {
    fn attach(&mut self, key: SubscriberKey, _: &Registry) -> io::Result<()> {
        self.change(|reading| reading.key = Some(key));
        Ok(())
    }

    fn readiness(&mut self) -> Offer {
        self.change(|reading| {
            assert_eq!(reading.end, None, "nothing is asked of a stream that has ended");
            if reading.gone {
                Offer::Closed
            } else if reading.room > 0 {
                Offer::Taken
            } else {
                reading.refuse()
            }
        })
    }

    fn offer(&mut self, block: &Block) -> Offer {
        self.take(block.frame())
    }

    fn offer_batch(&mut self, batch: &Batch) -> Sent {
        let cut = self.change(|reading| (reading.room > 0).then(|| reading.cut.take()).flatten());
        let taken = cut.map_or(usize::MAX, |cut| 1 + cut % batch.chunks().len());
        if taken >= batch.chunks().len() {
            return self.take(batch.frames()).into();
        }
        let through = batch.part(taken).through;
        match self.take(&batch.frames_through(through)) {
            Offer::Taken => {
                self.change(|reading| {
                    reading.room = 0;
                    reading.refuse()
                });
                Sent::Through(through)
            }
            other => other.into(),
        }
    }

    fn finish(&mut self, retry_hint: &Bytes) -> Finish {
        self.change(|reading| {
            assert_eq!(reading.end, None, "a stream ends once");
            reading.end = Some(End::Finished(retry_hint.clone()));
        });
        self.continue_reading()
    }

    fn continue_close(&mut self) -> Finish {
        self.continue_reading()
    }

    fn is_polled(&self) -> bool {
        self.change(|reading| reading.polled)
    }

    fn held(&self) -> usize {
        self.change(|reading| reading.held)
    }

    fn abort(&mut self, _: &Bytes) {
        self.change(|reading| {
            assert!(reading.end.is_none() || reading.polled, "a stream ends once");
            reading.end = Some(End::Aborted);
        });
    }

    fn disconnect(&mut self) {
        self.change(|reading| {
            assert_eq!(reading.end, Some(End::Aborted), "the stream is ended first");
            reading.end = Some(End::Disconnected);
        });
    }
}
