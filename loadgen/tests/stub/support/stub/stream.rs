//! One subscriber's stream: what it missed, then what comes, each when it is due, with the mistakes
//! that were asked for. A thread of its own for each stream may sleep and may block in a write
//! without any other stream being late for it.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread::sleep;
use std::time::{Duration, Instant};

use fanfare_loadgen::clock::{Clock, Moment};
use fanfare_loadgen::payload::{self, Stamp};

use super::event_store::EventStore;
use super::hub::{Begin, Event};
use super::sse_writer::{SseWriter, reset};
use super::{Ending, EventFault, Faults, Place, WhenSlow};

/// How long events that are sent together wait for others, and a notice for the next event.
const TOGETHER: Duration = Duration::from_millis(50);

/// Streams events until the stream ends, and writes down how.
pub(super) fn run(socket: &TcpStream, faults: &Faults, begin: &Begin, store: &EventStore) {
    if let WhenSlow::Close(limit) = faults.when_slow {
        socket.set_write_timeout(Some(limit)).expect("a timeout");
    }
    let mut turn = Instant::now();
    let ending = match SseWriter::begin(socket, faults.format, begin.after) {
        Ok(writer) => {
            Stream { writer, faults, store, held: None, skipped: 0 }.serve(begin, &mut turn)
        }
        Err(ending) => ending,
    };
    store.ended(ending, turn);
    if ending == Ending::WhenSlow {
        // An end in order would wait behind what is not read.
        reset(socket);
    }
}

struct Stream<'a> {
    writer: SseWriter<'a>,
    faults: &'a Faults,
    store: &'a EventStore,
    /// An event that is to come after the next one.
    held: Option<Arc<Event>>,
    /// Events that were too late to be sent, and of which the subscriber does not know yet.
    skipped: u64,
}

impl Stream<'_> {
    /// Goes on until the stream ends, and notes when each turn began: the other side may know of an
    /// end before this thread gets to the next line.
    fn serve(mut self, begin: &Begin, turn: &mut Instant) -> Ending {
        for event in &begin.missed {
            if let Err(ending) = self.plain(event) {
                return ending;
            }
        }
        loop {
            let owes = self.writer.holds_back() || self.skipped > 0;
            let wait = if owes { TOGETHER } else { Duration::from_secs(60) };
            let result = match begin.coming.recv_timeout(wait) {
                Ok(event) => {
                    // The way to the subscriber.
                    let due = event.came + (self.faults.latency)(&event);
                    sleep(due.saturating_duration_since(Instant::now()));
                    *turn = Instant::now();
                    self.deliver(&event, due)
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.tell_of_skipped().and_then(|()| self.writer.flush())
                }
                Err(RecvTimeoutError::Disconnected) => return Ending::PeerClosed,
            };
            if let Err(ending) = result {
                return ending;
            }
        }
    }

    /// An event that has just been published, with its mistakes.
    fn deliver(&mut self, event: &Arc<Event>, due: Instant) -> Result<(), Ending> {
        if matches!(self.faults.when_slow, WhenSlow::Skip(limit) if due.elapsed() > limit) {
            self.skipped += 1;
            return Ok(());
        }
        self.tell_of_skipped()?;
        let event_faults = self.faults.event_faults.iter().filter(|(id, _)| *id == event.id);
        let event_faults: Vec<_> = event_faults.map(|(_, fault)| *fault).collect();
        for fault in &event_faults {
            self.before(event, *fault)?;
        }
        let is_sent = !event_faults.iter().any(|fault| {
            matches!(fault, EventFault::Drop | EventFault::Swap | EventFault::Damage(_))
        });
        if is_sent {
            self.plain(event)?;
        }
        if event_faults.contains(&EventFault::Repeat) {
            self.plain(event)?;
        }
        if event_faults.contains(&EventFault::Swap) {
            self.held = Some(event.clone());
        } else if let Some(held) = self.held.take() {
            self.plain(&held)?;
        }
        Ok(())
    }

    fn before(&mut self, event: &Event, fault: EventFault) -> Result<(), Ending> {
        match fault {
            EventFault::Drop | EventFault::Repeat | EventFault::Swap => Ok(()),
            EventFault::Damage(at) => {
                let mut data = event.data.clone();
                // No bit that could make a line end of it.
                data[at] ^= 1;
                let lines = self.writer.lines(None, Some(event.id), &data);
                self.writer.send(&lines)
            }
            EventFault::OtherTopic => {
                self.forge(event, |stamp| Stamp { topic: stamp.topic + 1, ..stamp })
            }
            EventFault::OtherRun => self.forge(event, |stamp| Stamp { run: !stamp.run, ..stamp }),
            EventFault::Unpublished => {
                let lines = self.writer.lines(Some("news"), None, b"nobody published this");
                self.writer.send(&lines)
            }
            EventFault::AnnounceLoss(kind, missed) => self.say(kind, missed),
            EventFault::Stall(time) => {
                sleep(time);
                Ok(())
            }
            EventFault::BreakChunk => self.writer.break_chunk(),
            EventFault::Cut(cut, place) => {
                let lines = self.writer.lines(None, Some(event.id), &event.data);
                let length = match place {
                    Place::Before => 0,
                    Place::Within => lines.len() / 2,
                    Place::BeforeItsEnd => lines.len() - self.faults.format.line_end.len(),
                };
                self.writer.cut(&lines, length, cut)
            }
        }
    }

    /// An event as it was published.
    fn plain(&mut self, event: &Event) -> Result<(), Ending> {
        let stamp = payload::read(&event.data);
        let lines = self.writer.lines(None, Some(event.id), &event.data);
        // Before the write, because the reader may have it before the write returns.
        let now = Clock::Monotonic.now();
        self.writer.send(&lines)?;
        if let Ok(Stamp { due: Moment(due), .. }) = stamp {
            self.store.delivered(now.since(Moment(due)));
        }
        Ok(())
    }

    /// The same event with another stamp, without an id of its own.
    fn forge(&mut self, event: &Event, change: impl Fn(Stamp) -> Stamp) -> Result<(), Ending> {
        let stamp = payload::read(&event.data).expect("a payload of ours");
        let mut data = Vec::new();
        payload::write(&change(stamp), event.data.len(), &mut data);
        let lines = self.writer.lines(None, None, &data);
        self.writer.send(&lines)
    }

    /// Says how many events were too late, if there were any; when nothing follows as well, because
    /// a loss of the last event would be a silent one otherwise.
    fn tell_of_skipped(&mut self) -> Result<(), Ending> {
        match std::mem::take(&mut self.skipped) {
            0 => Ok(()),
            skipped => self.say("fanfare-gap", Some(skipped)),
        }
    }

    fn say(&mut self, kind: &str, missed: Option<u64>) -> Result<(), Ending> {
        let data = serde_json::json!({ "missed": missed }).to_string();
        let lines = self.writer.lines(Some(kind), None, data.as_bytes());
        self.writer.send(&lines)
    }
}
