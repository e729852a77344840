//! One plain HTTP/1.1 stream of a subscriber: connecting, asking, reading, and what follows when it
//! ends. The states are those of a connection; what the bytes mean is the subscriber's business.

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use mio::Interest;
use mio::event::Event;
use mio::net::TcpStream;
use rustix::net::RecvFlags;
use socket2::SockRef;

use super::connect::{begin, kind_of, vanish};
use super::timers::{Due, Task};
use super::worker::{Tools, token};
use crate::clock::Moment;
use crate::http1::{Body, Head, write_get};
use crate::measure::Reading;
use crate::plan::{Class, Plan, Reconnect};
use crate::subscriber::Subscriber;

/// Buffers full that a stream may read in one turn.
const TURN: usize = 4;

/// How often a slow reader reads.
const SIP: Duration = Duration::from_millis(100);

/// A subscriber and its connection.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) subscriber: Subscriber,
    socket: Option<TcpStream>,
    state: State,
    /// Goes up with each connection, so that timers of the one before are void.
    epoch: u32,
    attempts: u32,
    began: Moment,
}

#[derive(Debug)]
enum State {
    /// No connection: before the first, between two, or for ever.
    Away { for_ever: bool },
    /// TCP is being established.
    Connecting,
    /// The rest of the request waits for room.
    Asking(Vec<u8>),
    /// The head has not come yet, or not all of it.
    Head(Vec<u8>),
    /// The stream is there.
    Open(Body),
    /// The stream is there and nobody reads it.
    Frozen,
}

/// What the kernel says of a socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readiness {
    readable: bool,
    writable: bool,
    ended: bool,
}

impl Readiness {
    pub(super) fn of(event: &Event) -> Self {
        Self {
            readable: event.is_readable(),
            writable: event.is_writable(),
            ended: event.is_read_closed() || event.is_error(),
        }
    }

    /// There is more to read than was read.
    pub(super) fn more() -> Self {
        Self { readable: true, writable: false, ended: true }
    }
}

/// Why a stream ended.
enum Ending {
    /// The server closed it in order.
    Closed,
    /// It failed, by the name of the error.
    Failed(String),
    /// It sent what is no stream.
    Broken(String),
    /// There was no stream, by the name of the reason.
    Refused(String),
    /// The generator cut it.
    Cut,
}

impl Stream {
    pub(super) fn new(number: u32, plan: &Plan) -> Self {
        Self {
            subscriber: Subscriber::new(number, plan),
            socket: None,
            state: State::Away { for_ever: false },
            epoch: 0,
            attempts: 0,
            began: Moment::default(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_) | State::Frozen)
    }

    /// Whether anything can still come.
    pub(super) fn is_expected(&self) -> bool {
        !matches!(self.state, State::Away { for_ever: true })
    }

    /// Begins an attempt.
    pub(super) fn connect(&mut self, slot: usize, now: Moment, tools: &mut Tools) {
        self.epoch = self.epoch.wrapping_add(1);
        self.attempts += 1;
        self.began = now;
        let number = self.subscriber.number as usize;
        let target = &tools.plan.targets[number % tools.plan.targets.len()];
        let socket = begin(&tools.plan, target, number, self.subscriber.class);
        let registered = socket.and_then(|socket| {
            let mut socket = TcpStream::from_std(socket.into());
            let interest = Interest::READABLE | Interest::WRITABLE;
            tools.registry.register(&mut socket, token(slot), interest)?;
            Ok(socket)
        });
        tools.handshakes += 1;
        self.state = State::Connecting;
        match registered {
            Ok(socket) => {
                self.socket = Some(socket);
                let limit = now + tools.plan.ramp.handshake_timeout;
                tools.timers.add(limit, slot, self.epoch, Task::GiveUp);
            }
            Err(error) => self.end(slot, &Ending::Refused(kind_of(&error)), now, tools),
        }
    }

    /// Does what can be done now. Says whether there is more to read.
    pub(super) fn serve(
        &mut self,
        slot: usize,
        readiness: Readiness,
        reading: Reading,
        tools: &mut Tools,
    ) -> bool {
        let result = match self.state {
            State::Away { .. } => Ok(false),
            State::Connecting if readiness.writable || readiness.ended => {
                self.established(reading.now, tools).map(|()| false)
            }
            State::Asking(_) if readiness.writable => self.ask().map(|()| false),
            State::Connecting => Ok(false),
            State::Frozen if readiness.ended => Err(Ending::Closed),
            State::Frozen => Ok(false),
            State::Open(_) if self.subscriber.class == Class::Slow => Ok(false),
            _ if readiness.readable || readiness.ended => {
                self.read_turn(slot, readiness, reading, tools)
            }
            _ => Ok(false),
        };
        result.unwrap_or_else(|ending| {
            self.end(slot, &ending, tools.clock.now(), tools);
            false
        })
    }

    /// A timer of this stream has run out.
    pub(super) fn timer(&mut self, due: Due, now: Moment, tools: &mut Tools) {
        if due.epoch != self.epoch {
            return;
        }
        match due.task {
            Task::Connect => {
                if matches!(self.state, State::Away { for_ever: false }) {
                    tools.queue.push_back(due.slot);
                }
            }
            Task::GiveUp => {
                if matches!(self.state, State::Connecting | State::Asking(_) | State::Head(_)) {
                    self.end(due.slot, &Ending::Refused("timed out".to_owned()), now, tools);
                }
            }
            Task::Cut => {
                self.cut(due.slot, now, tools);
            }
            Task::Sip => self.sip(due.slot, now, tools),
        }
    }

    /// Plans the next accident of an open stream, if accidents were asked for.
    pub(super) fn plan_cut(&mut self, slot: usize, now: Moment, tools: &mut Tools) {
        let fast = self.subscriber.class == Class::Fast;
        if let Some(mean) = tools.plan.trouble.cut_every.filter(|_| fast && self.is_open()) {
            let at = now + tools.accident(mean);
            tools.timers.add(at, slot, self.epoch, Task::Cut);
        }
    }

    /// Cuts an open stream. Says whether there was one.
    pub(super) fn cut(&mut self, slot: usize, now: Moment, tools: &mut Tools) -> bool {
        if !self.is_open() || self.subscriber.class != Class::Fast {
            return false;
        }
        let resets = tools.resets();
        if let Some(socket) = &mut self.socket {
            if resets {
                tools.ledger.counts.cut_rst += 1;
                // Closing a socket that lingers for no time resets the connection.
                let _ = SockRef::from(&*socket).set_linger(Some(Duration::ZERO));
            } else {
                tools.ledger.counts.cut_fin += 1;
                // A close with unread bytes would be a reset.
                while socket.read(&mut tools.buffer).is_ok_and(|count| count > 0) {}
            }
        }
        self.end(slot, &Ending::Cut, now, tools);
        true
    }

    fn established(&mut self, now: Moment, tools: &mut Tools) -> Result<(), Ending> {
        let Some(socket) = &self.socket else { return Ok(()) };
        let refused = |error: io::Error| Ending::Refused(kind_of(&error));
        if let Some(error) = socket.take_error().map_err(refused)? {
            return Err(refused(error));
        }
        if socket.peer_addr().is_err() {
            // Not yet: another event will tell.
            return Ok(());
        }
        if !self.subscriber.comes_back() {
            tools.ledger.phases.tcp.record(now.since(self.began));
        }
        let resumes = tools.plan.trouble.reconnect != Reconnect::Forget;
        let last_id = if resumes { self.subscriber.last_id() } else { b"" };
        let number = self.subscriber.number;
        let target = &tools.plan.targets[number as usize % tools.plan.targets.len()];
        let mut request = Vec::new();
        write_get(target, number, self.subscriber.topic(), last_id, &mut request);
        self.state = State::Asking(request);
        self.ask()
    }

    fn ask(&mut self) -> Result<(), Ending> {
        let (Some(socket), State::Asking(request)) = (&mut self.socket, &mut self.state) else {
            return Ok(());
        };
        match socket.write(request) {
            Ok(count) if count == request.len() => self.state = State::Head(Vec::new()),
            Ok(count) => drop(request.drain(..count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(Ending::Refused(kind_of(&error))),
        }
        Ok(())
    }

    /// Reads until nothing is left, or the turn is over; says whether it is.
    fn read_turn(
        &mut self,
        slot: usize,
        readiness: Readiness,
        reading: Reading,
        tools: &mut Tools,
    ) -> Result<bool, Ending> {
        for _ in 0..TURN {
            let Some(socket) = &mut self.socket else { return Ok(false) };
            let counts_only = !self.subscriber.parses && matches!(self.state, State::Open(_));
            let read = if counts_only {
                // The kernel throws the bytes away instead of copying them.
                rustix::net::recv(&*socket, &mut tools.buffer[..], RecvFlags::TRUNC)
                    .map(|(_, count)| count)
                    .map_err(io::Error::from)
            } else {
                socket.read(&mut tools.buffer)
            };
            let count = match read {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failure(&error)),
            };
            let reading = Reading { now: tools.clock.now(), ..reading };
            if count == 0 {
                return Err(self.early_end());
            }
            self.take(slot, count, reading, tools)?;
            // A short read emptied the socket, and what comes later is another event. Only the end
            // may already be there without one.
            if count < tools.buffer.len() && !readiness.ended {
                return Ok(false);
            }
            if matches!(self.state, State::Frozen) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes so many bytes that have been read into the shared buffer.
    fn take(
        &mut self,
        slot: usize,
        count: usize,
        reading: Reading,
        tools: &mut Tools,
    ) -> Result<(), Ending> {
        if let State::Head(begin) = &mut self.state {
            begin.extend_from_slice(&tools.buffer[..count]);
            let begin = std::mem::take(begin);
            return self.head(slot, begin, reading, tools);
        }
        if !self.subscriber.parses {
            tools.bytes += count as u64;
            self.subscriber.count(count, reading.now, &mut tools.ledger);
            return Ok(());
        }
        let buffer = std::mem::take(&mut tools.buffer);
        let result = self.body(&buffer[..count], reading, tools);
        tools.buffer = buffer;
        result
    }

    fn head(
        &mut self,
        slot: usize,
        mut bytes: Vec<u8>,
        reading: Reading,
        tools: &mut Tools,
    ) -> Result<(), Ending> {
        let head = loop {
            match Head::parse(&bytes).map_err(|error| Ending::Refused(error.to_string()))? {
                None => {
                    self.state = State::Head(bytes);
                    return Ok(());
                }
                Some(head) if head.is_interim() => drop(bytes.drain(..head.length)),
                Some(head) => break head,
            }
        };
        if head.status != 200 {
            return Err(Ending::Refused(format!("status {}", head.status)));
        }
        if !head.is_event_stream {
            return Err(Ending::Refused("not text/event-stream".to_owned()));
        }
        tools.handshakes -= 1;
        tools.open += 1;
        self.state = State::Open(head.body);
        self.attempts = 0;
        let resumes = tools.plan.trouble.reconnect != Reconnect::Forget
            && !self.subscriber.last_id().is_empty();
        self.subscriber.opened(self.began, resumes, reading.now, &mut tools.ledger);
        if tools.ledger.server_header.is_none() {
            tools.ledger.server_header = head.server;
        }
        self.settle_in(slot, reading.now, tools);
        let rest = &bytes[head.length..];
        if rest.is_empty() || matches!(self.state, State::Frozen) {
            return Ok(());
        }
        if self.subscriber.parses {
            return self.body(rest, reading, tools);
        }
        self.subscriber.count(rest.len(), reading.now, &mut tools.ledger);
        Ok(())
    }

    /// What a new stream's class asks for.
    fn settle_in(&mut self, slot: usize, now: Moment, tools: &mut Tools) {
        match self.subscriber.class {
            Class::Fast if tools.ledger.facts.start <= now => self.plan_cut(slot, now, tools),
            Class::Fast => {}
            Class::Slow => tools.timers.add(now + SIP, slot, self.epoch, Task::Sip),
            Class::Stopped => self.state = State::Frozen,
            Class::Vanished => {
                self.state = State::Frozen;
                if let Some(socket) = &self.socket
                    && let Err(error) = vanish(&SockRef::from(socket))
                {
                    tools.ledger.errored(&format!("cannot vanish: {error}"), now);
                }
            }
        }
    }

    fn body(&mut self, bytes: &[u8], reading: Reading, tools: &mut Tools) -> Result<(), Ending> {
        let State::Open(body) = &mut self.state else { return Ok(()) };
        tools.bytes += bytes.len() as u64;
        self.subscriber.count(bytes.len(), reading.now, &mut tools.ledger);
        let mut rest = bytes;
        while !rest.is_empty() {
            let content =
                body.take(&mut rest).map_err(|error| Ending::Broken(error.to_string()))?;
            if !content.is_empty() {
                let read = self.subscriber.read(content, reading, &mut tools.ledger);
                read.map_err(|error| Ending::Broken(error.to_string()))?;
            }
        }
        if body.is_complete() { Err(Ending::Closed) } else { Ok(()) }
    }

    /// A slow reader's turn: as much as its rate allows.
    fn sip(&mut self, slot: usize, now: Moment, tools: &mut Tools) {
        let allowed = tools.plan.trouble.slow_rate as f64 * SIP.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive and small"
        )]
        let allowed = (allowed.ceil() as usize).clamp(1, tools.buffer.len());
        let Some(socket) = &mut self.socket else { return };
        let result = match socket.read(&mut tools.buffer[..allowed]) {
            Ok(0) => Err(self.early_end()),
            Ok(count) => {
                let now = tools.clock.now();
                self.take(slot, count, Reading { now, known_since: now }, tools)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(self.failure(&error)),
        };
        match result {
            Ok(()) => tools.timers.add(now + SIP, slot, self.epoch, Task::Sip),
            Err(ending) => self.end(slot, &ending, now, tools),
        }
    }

    fn failure(&self, error: &io::Error) -> Ending {
        if self.is_open() {
            Ending::Failed(kind_of(error))
        } else {
            Ending::Refused(kind_of(error))
        }
    }

    /// The connection ended: a stream that is chunked or has a length was not complete.
    fn early_end(&self) -> Ending {
        match &self.state {
            State::Open(Body::UntilClose) | State::Frozen => Ending::Closed,
            State::Open(_) if !self.subscriber.parses => Ending::Closed,
            State::Open(_) => Ending::Failed("ended within the body".to_owned()),
            _ => Ending::Refused("closed before an answer".to_owned()),
        }
    }

    /// The stream, or the attempt, is over. Plans what follows.
    fn end(&mut self, slot: usize, ending: &Ending, now: Moment, tools: &mut Tools) {
        let was_open = self.is_open();
        if was_open {
            tools.open -= 1;
            self.subscriber.closed(now);
        } else if !matches!(self.state, State::Away { .. }) {
            tools.handshakes -= 1;
        }
        self.socket = None;
        self.epoch = self.epoch.wrapping_add(1);
        let class = self.subscriber.class;
        if was_open && class != Class::Fast {
            let start = tools.ledger.facts.start;
            let tally = tools.ledger.class(class);
            tally.closed += 1;
            tally.until_closed.record(now.since(start));
        }
        self.account(ending, class, now, tools);
        let for_ever = self.stays_away(ending, class, tools);
        self.state = State::Away { for_ever };
        if for_ever {
            if !self.subscriber.comes_back() {
                tools.ledger.counts.gave_up += 1;
            }
            return;
        }
        let wait = tools.wait(self.subscriber.retry());
        tools.timers.add(now + wait, slot, self.epoch, Task::Connect);
    }

    fn account(&self, ending: &Ending, class: Class, now: Moment, tools: &mut Tools) {
        match ending {
            Ending::Refused(kind) => {
                tools.failures += 1;
                tools.ledger.failed(kind, now);
            }
            Ending::Broken(what) => {
                tools.ledger.counts.broken_streams += 1;
                let what = what.clone();
                tools.ledger.find("broken stream", self.subscriber.number, || what);
            }
            Ending::Closed if class == Class::Fast => {
                tools.ledger.counts.closed_by_server += 1;
                if let Some(second) = tools.ledger.second(now) {
                    second.errors += 1;
                }
            }
            Ending::Failed(kind) if class == Class::Fast => tools.ledger.errored(kind, now),
            Ending::Closed | Ending::Failed(_) | Ending::Cut => {}
        }
    }

    /// Whether there is no further attempt.
    fn stays_away(&self, ending: &Ending, class: Class, tools: &Tools) -> bool {
        let gives_up = !self.subscriber.comes_back() && self.attempts >= tools.plan.ramp.attempts;
        let never =
            self.subscriber.comes_back() && tools.plan.trouble.reconnect == Reconnect::Never;
        // 204 tells an `EventSource` to stop.
        let told = matches!(ending, Ending::Refused(kind) if kind == "status 204");
        let dead =
            matches!(class, Class::Stopped | Class::Vanished) && self.subscriber.comes_back();
        gives_up || never || told || dead
    }
}
