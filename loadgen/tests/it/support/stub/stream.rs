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

use super::book::Book;
use super::hub::{Begin, Event};
use super::pen::{Pen, reset};
use super::{Act, Ending, Full, Mischief, Place};

/// How long events that are sent together wait for others.
const TOGETHER: Duration = Duration::from_millis(50);

/// Streams events until the stream ends, and writes down how.
pub(super) fn run(socket: &TcpStream, mischief: &Mischief, begin: &Begin, book: &Book) {
    if let Full::Close(limit) = mischief.full {
        socket.set_write_timeout(Some(limit)).expect("a timeout");
    }
    let mut turn = Instant::now();
    let ending = match Pen::begin(socket, mischief.wire, begin.after) {
        Ok(pen) => Stream { pen, mischief, book, held: None, skipped: 0 }.serve(begin, &mut turn),
        Err(ending) => ending,
    };
    book.ended(ending, turn);
    if ending == Ending::Full {
        // An end in order would wait behind what nobody reads.
        reset(socket);
    }
}

struct Stream<'a> {
    pen: Pen<'a>,
    mischief: &'a Mischief,
    book: &'a Book,
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
            let wait = if self.pen.holds_back() { TOGETHER } else { Duration::from_secs(60) };
            let result = match begin.coming.recv_timeout(wait) {
                Ok(event) => {
                    // The way to the subscriber.
                    let due = event.came + (self.mischief.way)(&event);
                    sleep(due.saturating_duration_since(Instant::now()));
                    *turn = Instant::now();
                    self.deliver(&event, due)
                }
                Err(RecvTimeoutError::Timeout) => self.pen.flush(),
                Err(RecvTimeoutError::Disconnected) => return Ending::Gone,
            };
            if let Err(ending) = result {
                return ending;
            }
        }
    }

    /// An event that has just been published, with its mistakes.
    fn deliver(&mut self, event: &Arc<Event>, due: Instant) -> Result<(), Ending> {
        if matches!(self.mischief.full, Full::Skip(limit) if due.elapsed() > limit) {
            self.skipped += 1;
            return Ok(());
        }
        if self.skipped > 0 {
            let skipped = std::mem::take(&mut self.skipped);
            self.say("fanfare-gap", Some(skipped))?;
        }
        let acts = self.mischief.acts.iter().filter(|(id, _)| *id == event.id);
        let acts: Vec<_> = acts.map(|(_, act)| *act).collect();
        for act in &acts {
            self.before(event, *act)?;
        }
        let is_sent = !acts.iter().any(|act| matches!(act, Act::Drop | Act::Swap | Act::Damage(_)));
        if is_sent {
            self.plain(event)?;
        }
        if acts.contains(&Act::Repeat) {
            self.plain(event)?;
        }
        if acts.contains(&Act::Swap) {
            self.held = Some(event.clone());
        } else if let Some(held) = self.held.take() {
            self.plain(&held)?;
        }
        Ok(())
    }

    fn before(&mut self, event: &Event, act: Act) -> Result<(), Ending> {
        match act {
            Act::Drop | Act::Repeat | Act::Swap => Ok(()),
            Act::Damage(at) => {
                let mut data = event.data.clone();
                // No bit that could make a line end of it.
                data[at] ^= 1;
                let lines = self.pen.lines(None, Some(event.id), &data);
                self.pen.send(&lines)
            }
            Act::OtherTopic => self.forge(event, |stamp| Stamp { topic: stamp.topic + 1, ..stamp }),
            Act::OtherRun => self.forge(event, |stamp| Stamp { run: !stamp.run, ..stamp }),
            Act::Chatter => {
                let lines = self.pen.lines(Some("news"), None, b"nobody published this");
                self.pen.send(&lines)
            }
            Act::Say(kind, missed) => self.say(kind, missed),
            Act::Stall(time) => {
                sleep(time);
                Ok(())
            }
            Act::BreakChunk => self.pen.break_chunk(),
            Act::Cut(cut, place) => {
                let lines = self.pen.lines(None, Some(event.id), &event.data);
                let length = match place {
                    Place::Before => 0,
                    Place::Within => lines.len() / 2,
                    Place::BeforeItsEnd => lines.len() - self.mischief.wire.line_end.len(),
                };
                self.pen.cut(&lines, length, cut)
            }
        }
    }

    /// An event as it was published.
    fn plain(&mut self, event: &Event) -> Result<(), Ending> {
        let stamp = payload::read(&event.data);
        let lines = self.pen.lines(None, Some(event.id), &event.data);
        // Before the write, because the reader may have it before the write returns.
        let now = Clock::Monotonic.now();
        self.pen.send(&lines)?;
        if let Ok(Stamp { due: Moment(due), .. }) = stamp {
            self.book.delivered(now.since(Moment(due)));
        }
        Ok(())
    }

    /// The same event with another stamp, without an id of its own.
    fn forge(&mut self, event: &Event, change: impl Fn(Stamp) -> Stamp) -> Result<(), Ending> {
        let stamp = payload::read(&event.data).expect("a payload of ours");
        let mut data = Vec::new();
        payload::write(&change(stamp), event.data.len(), &mut data);
        let lines = self.pen.lines(None, None, &data);
        self.pen.send(&lines)
    }

    fn say(&mut self, kind: &str, missed: Option<u64>) -> Result<(), Ending> {
        let data = serde_json::json!({ "missed": missed }).to_string();
        let lines = self.pen.lines(Some(kind), None, data.as_bytes());
        self.pen.send(&lines)
    }
}
