//! A shard and the reader of a body pass segments to each other: none is lost or repeated, and neither
//! waits for what has already happened.

use std::task::{Poll, Wake, Waker};

use bytes::Bytes;
use loom::sync::{Arc, Notify};
use loom::thread;

use crate::slot_cell::{SlotCell, TakenSegment, TryPut};

/// What a reader notes at the end of a stream that was cut.
const CUT: &str = "/";

/// A thread that sleeps until it is woken. (`Wake` wants the `Arc` of the standard library, which is
/// no part of what is checked.)
struct Sleeper(Arc<Notify>);

impl Wake for Sleeper {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.notify();
    }
}

struct Stage {
    cell: SlotCell,
    /// Tells the shard that there is room, or that the reader has gone.
    shard: Notify,
}

impl Stage {
    fn new() -> Arc<Self> {
        Arc::new(Self { cell: SlotCell::holding(Bytes::new()), shard: Notify::new() })
    }

    /// The shard hands out segments and sleeps while there is no room; false when nobody reads them.
    fn hand_out(&self, segments: &[&'static str]) -> bool {
        for segment in segments {
            loop {
                match self.cell.put(&Bytes::from_static(segment.as_bytes())) {
                    TryPut::Taken(reader) => {
                        reader.into_iter().for_each(Waker::wake);
                        break;
                    }
                    TryPut::Full => self.shard.wait(),
                    TryPut::Gone => return false,
                }
            }
        }
        true
    }

    fn end(&self, retry_hint: &'static str) {
        self.cell.end(&Bytes::from_static(retry_hint.as_bytes())).into_iter().for_each(Waker::wake);
    }

    /// The reader takes so many segments, or all, and sleeps while there is none.
    fn read(&self, segments: usize) -> String {
        let asleep = Arc::new(Notify::new());
        let waker = Waker::from(std::sync::Arc::new(Sleeper(Arc::clone(&asleep))));
        let mut text = String::new();
        for _ in 0..segments {
            let taken = loop {
                match self.cell.take(&waker) {
                    Poll::Ready(taken) => break taken,
                    Poll::Pending => asleep.wait(),
                }
            };
            let (segment, wants_wakeup) = match taken {
                TakenSegment::Segment { segment, wants_wakeup } => (segment, wants_wakeup),
                TakenSegment::End => return text,
                TakenSegment::Cut => return text + CUT,
            };
            if wants_wakeup {
                self.shard.notify();
            }
            text.push_str(std::str::from_utf8(&segment).unwrap());
        }
        text
    }

    fn leave(&self) {
        if self.cell.leave() {
            self.shard.notify();
        }
    }
}

#[test]
fn every_piece_arrives_once_and_in_order_and_then_the_end() {
    loom::model(|| {
        let stage = Stage::new();
        let shard = {
            let stage = Arc::clone(&stage);
            thread::spawn(move || {
                assert!(stage.hand_out(&["a", "b"]));
                stage.end("z");
            })
        };
        assert_eq!(stage.read(usize::MAX), "abz");
        shard.join().unwrap();
    });
}

#[test]
fn a_shard_that_waits_for_room_learns_that_the_reader_has_gone() {
    loom::model(|| {
        let stage = Stage::new();
        let reader = {
            let stage = Arc::clone(&stage);
            thread::spawn(move || {
                let read = stage.read(1);
                stage.leave();
                read
            })
        };
        // Two may have been taken: one that was read and one that was there when it left.
        let handed_out = stage.hand_out(&["a", "b", "c"]);
        assert!(!handed_out);
        assert_eq!(reader.join().unwrap(), "a");
    });
}

#[test]
fn a_stream_that_is_cut_wakes_its_reader() {
    loom::model(|| {
        let stage = Stage::new();
        let shard = {
            let stage = Arc::clone(&stage);
            thread::spawn(move || {
                assert!(stage.hand_out(&["a"]));
                stage.cell.cut().into_iter().for_each(Waker::wake);
            })
        };
        let read = stage.read(usize::MAX);
        assert!([CUT, &format!("a{CUT}")].contains(&&read[..]), "{read}");
        shard.join().unwrap();
        assert_eq!(stage.cell.bytes(), 0, "nothing is held");
    });
}
