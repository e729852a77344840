//! Reading a stream: in turns, so that one that never ends does not keep the others waiting; as
//! little as its rate allows for a slow reader; without copying where bytes are only counted.

use std::io::{self, Read as _};
use std::time::Duration;

use rustix::net::RecvFlags;
use socket2::SockRef;

use super::ending::Ending;
use super::{Readiness, State, Stream};
use crate::clock::Moment;
use crate::crew::connect::{accept, vanish};
use crate::crew::timers::Task;
use crate::crew::worker::Tools;
use crate::http1::Head;
use crate::measure::Reading;
use crate::plan::{Class, Reconnect};

/// Buffers full that a stream may read in one turn.
const TURN: usize = 4;

/// How often a slow reader reads.
const SIP: Duration = Duration::from_millis(100);

impl Stream {
    /// Reads until nothing is left, or the turn is over; says whether it is.
    pub(super) fn read_turn(
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
        if let State::Head(reader) = &mut self.state {
            let found = reader.feed(&tools.buffer[..count]);
            let found = found.map_err(|error| Ending::Refused(error.to_string()))?;
            return found
                .map_or(Ok(()), |(head, rest)| self.head(slot, head, &rest, reading, tools));
        }
        if !self.subscriber.parses {
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
        head: Head,
        rest: &[u8],
        reading: Reading,
        tools: &mut Tools,
    ) -> Result<(), Ending> {
        accept(head.status, head.is_event_stream, head.coding.as_deref())
            .map_err(Ending::Refused)?;
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
    pub(super) fn sip(&mut self, slot: usize, now: Moment, tools: &mut Tools) {
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
                self.take(slot, count, Reading { now, known_since: None }, tools)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(self.failure(&error)),
        };
        match result {
            Ok(()) => tools.timers.add(now + SIP, slot, self.epoch, Task::Sip),
            Err(ending) => self.end(slot, &ending, now, tools),
        }
    }
}
