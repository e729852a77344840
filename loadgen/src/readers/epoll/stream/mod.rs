//! One plain HTTP/1.1 stream of a subscriber: connecting, requesting, reading, and what follows
//! when it ends. The states are those of a connection; what the bytes mean is the subscriber's
//! business.

mod ending;
mod reading;

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use mio::Interest;
use mio::event::Event;
use mio::net::TcpStream;
use socket2::SockRef;

use super::timers::{ExpiredTimer, Task};
use super::{Context, token};
use crate::clock::Moment;
use crate::http1::{Body, HeadReader, write_get};
use crate::measure::ReadTime;
use crate::plan::{Class, Plan, Reconnect};
use crate::readers::connect::{begin, kind_of};
use crate::readers::faults::time_to_disconnect;
use crate::readers::session::Ending;
use crate::subscriber::Subscriber;

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
    /// Its target's place in the list.
    place: usize,
}

#[derive(Debug)]
enum State {
    /// No connection: before the first, between two, or after the last.
    Disconnected { is_final: bool },
    /// TCP is being established.
    Connecting,
    /// The rest of the request waits for room in the send buffer.
    Sending(Vec<u8>),
    /// The response headers are not complete.
    AwaitingHeaders(HeadReader),
    /// The stream is open.
    Open(Body),
    /// The stream is open and is not read.
    Unread,
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

impl Stream {
    pub(super) fn new(number: u32, plan: &Plan) -> Self {
        Self {
            subscriber: Subscriber::new(number, plan),
            socket: None,
            state: State::Disconnected { is_final: false },
            epoch: 0,
            attempts: 0,
            began: Moment::default(),
            place: plan.place_of(number as usize),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_) | State::Unread)
    }

    /// Whether anything can still come.
    pub(super) fn is_expected(&self) -> bool {
        !matches!(self.state, State::Disconnected { is_final: true })
    }

    /// Begins an attempt.
    pub(super) fn connect(&mut self, slot: usize, now: Moment, context: &mut Context) {
        self.epoch = self.epoch.wrapping_add(1);
        self.attempts += 1;
        self.began = now;
        let number = self.subscriber.number as usize;
        let target = &context.plan.targets[self.place];
        let socket = begin(&context.plan, target, number, self.subscriber.class);
        let registered = socket.and_then(|socket| {
            let mut socket = TcpStream::from_std(socket.into());
            let interest = Interest::READABLE | Interest::WRITABLE;
            context.registry.register(&mut socket, token(slot), interest)?;
            Ok(socket)
        });
        context.handshakes += 1;
        self.state = State::Connecting;
        match registered {
            Ok(socket) => {
                self.socket = Some(socket);
                let limit = now + context.plan.ramp.handshake_timeout;
                context.timers.add(limit, slot, self.epoch, Task::GiveUp);
            }
            Err(error) => self.end(slot, &Ending::Refused(kind_of(&error)), now, context),
        }
    }

    /// Does what can be done now. Says whether there is more to read.
    pub(super) fn serve(
        &mut self,
        slot: usize,
        readiness: Readiness,
        read_time: ReadTime,
        context: &mut Context,
    ) -> bool {
        let result = match self.state {
            State::Disconnected { .. } => Ok(false),
            State::Connecting if readiness.writable || readiness.ended => {
                self.established(read_time.now, context).map(|()| false)
            }
            State::Sending(_) if readiness.writable => self.send_request().map(|()| false),
            State::Connecting => Ok(false),
            State::Unread if readiness.ended => Err(Ending::Closed),
            State::Unread => Ok(false),
            State::Open(_) if self.subscriber.class == Class::Slow => Ok(false),
            _ if readiness.readable || readiness.ended => {
                self.read_turn(slot, readiness, read_time, context)
            }
            _ => Ok(false),
        };
        result.unwrap_or_else(|ending| {
            self.end(slot, &ending, context.clock.now(), context);
            false
        })
    }

    /// A timer of this stream has run out.
    pub(super) fn timer(&mut self, due: ExpiredTimer, now: Moment, context: &mut Context) {
        if due.epoch != self.epoch {
            return;
        }
        match due.task {
            Task::Connect => {
                if matches!(self.state, State::Disconnected { is_final: false }) {
                    context.queue.push_back(due.slot);
                }
            }
            Task::GiveUp => {
                if matches!(
                    self.state,
                    State::Connecting | State::Sending(_) | State::AwaitingHeaders(_)
                ) {
                    self.end(due.slot, &Ending::Refused("timed out".to_owned()), now, context);
                }
            }
            Task::Cut if context.faults_paused => {}
            Task::Cut => {
                self.cut(due.slot, now, context);
            }
            Task::SlowRead => self.slow_read(due.slot, now, context),
        }
    }

    /// Plans the next disconnect of an open stream, if disconnects are to be injected.
    pub(super) fn plan_cut(&mut self, slot: usize, now: Moment, context: &mut Context) {
        let fast = self.subscriber.class == Class::Fast;
        if let Some(mean) = context.plan.faults.cut_every.filter(|_| fast && self.is_open()) {
            // Before the first event there is no id to resume from: the warm-up brings one.
            let from = now.max(context.recorder.facts.measure_from);
            let at = from + time_to_disconnect(mean, &mut context.random);
            context.timers.add(at, slot, self.epoch, Task::Cut);
        }
    }

    /// Cuts an open stream. Says whether there was one.
    pub(super) fn cut(&mut self, slot: usize, now: Moment, context: &mut Context) -> bool {
        if !self.is_open() || self.subscriber.class != Class::Fast {
            return false;
        }
        let resets = context.resets();
        if let Some(socket) = &mut self.socket {
            if resets {
                context.recorder.counts.cut_rst += 1;
                // Closing a socket that lingers for no time resets the connection.
                let _ = SockRef::from(&*socket).set_linger(Some(Duration::ZERO));
            } else {
                context.recorder.counts.cut_fin += 1;
                // A close with unread bytes would be a reset.
                while socket.read(&mut context.buffer).is_ok_and(|count| count > 0) {}
            }
        }
        self.end(slot, &Ending::Cut, now, context);
        true
    }

    fn established(&mut self, now: Moment, context: &mut Context) -> Result<(), Ending> {
        let Some(socket) = &self.socket else { return Ok(()) };
        let refused = |error: io::Error| Ending::Refused(kind_of(&error));
        if let Some(error) = socket.take_error().map_err(refused)? {
            return Err(refused(error));
        }
        if socket.peer_addr().is_err() {
            // Not yet: another event will tell.
            return Ok(());
        }
        if !self.subscriber.is_reconnecting() {
            context.recorder.phases.tcp.record(now.since(self.began));
        }
        let resumes = context.plan.faults.reconnect != Reconnect::Forget;
        let last_id = if resumes { self.subscriber.last_id() } else { b"" };
        let number = self.subscriber.number;
        let target = &context.plan.targets[self.place];
        let mut request = Vec::new();
        write_get(target, number, self.subscriber.topic(), last_id, &mut request);
        self.state = State::Sending(request);
        self.send_request()
    }

    fn send_request(&mut self) -> Result<(), Ending> {
        let (Some(socket), State::Sending(request)) = (&mut self.socket, &mut self.state) else {
            return Ok(());
        };
        match socket.write(request) {
            Ok(count) if count == request.len() => {
                self.state = State::AwaitingHeaders(HeadReader::default());
            }
            Ok(count) => drop(request.drain(..count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(Ending::Refused(kind_of(&error))),
        }
        Ok(())
    }
}
