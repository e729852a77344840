//! Reading a stream: in turns, so that one that never ends does not keep the others waiting; as
//! little as its rate allows for a slow reader; without copying where bytes are only counted.

use std::io::{self, Read as _};
use std::time::Duration;

use rustix::net::RecvFlags;
use socket2::SockRef;

use super::{Readiness, State, Stream};
use crate::clock::Moment;
use crate::http1::Head;
use crate::measure::ReadTime;
use crate::plan::{Class, Reconnect};
use crate::readers::connect::vanish;
use crate::readers::epoll::Context;
use crate::readers::epoll::timers::Task;
use crate::readers::session::{Ending, accept};

/// Buffers full that a stream may read before other streams have their turn.
const READS_PER_TURN: usize = 4;

/// How often a slow reader reads.
const SLOW_READ_PERIOD: Duration = Duration::from_millis(100);

impl Stream {
    /// Reads until nothing is left, or the turn is over; says whether it is.
    pub(super) fn read_turn(
        &mut self,
        slot: usize,
        readiness: Readiness,
        read_time: ReadTime,
        context: &mut Context,
    ) -> Result<bool, Ending> {
        for _ in 0..READS_PER_TURN {
            let Some(socket) = &mut self.socket else { return Ok(false) };
            let counts_only = !self.subscriber.parses && matches!(self.state, State::Open(_));
            let read = if counts_only {
                // The kernel throws the bytes away instead of copying them.
                rustix::net::recv(&*socket, &mut context.buffer[..], RecvFlags::TRUNC)
                    .map(|(_, count)| count)
                    .map_err(io::Error::from)
            } else {
                socket.read(&mut context.buffer)
            };
            let count = match read {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failure(&error)),
            };
            let read_time = ReadTime { now: context.clock.now(), ..read_time };
            if count == 0 {
                return Err(self.early_end());
            }
            self.take(slot, count, read_time, context)?;
            // A short read emptied the socket, and what comes later is another event. Only the end
            // may already be there without one.
            if count < context.buffer.len() && !readiness.ended {
                return Ok(false);
            }
            if matches!(self.state, State::Unread) {
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
        read_time: ReadTime,
        context: &mut Context,
    ) -> Result<(), Ending> {
        if let State::AwaitingHeaders(reader) = &mut self.state {
            let found = reader.feed(&context.buffer[..count]);
            let found = found.map_err(|error| Ending::Refused(error.to_string()))?;
            return found
                .map_or(Ok(()), |(head, rest)| self.head(slot, head, &rest, read_time, context));
        }
        if !self.subscriber.parses {
            self.subscriber.count(count, read_time.now, &mut context.recorder);
            return Ok(());
        }
        let buffer = std::mem::take(&mut context.buffer);
        let result = self.body(&buffer[..count], read_time, context);
        context.buffer = buffer;
        result
    }

    fn head(
        &mut self,
        slot: usize,
        head: Head,
        rest: &[u8],
        read_time: ReadTime,
        context: &mut Context,
    ) -> Result<(), Ending> {
        accept(head.status, head.is_event_stream, head.coding.as_deref())
            .map_err(Ending::Refused)?;
        context.handshakes -= 1;
        context.open += 1;
        self.state = State::Open(head.body);
        self.attempts = 0;
        let resumes = context.plan.faults.reconnect != Reconnect::Forget
            && !self.subscriber.last_id().is_empty();
        self.subscriber.opened(self.began, resumes, read_time.now, &mut context.recorder);
        if context.recorder.server_header.is_none() {
            context.recorder.server_header = head.server;
        }
        self.apply_class(slot, read_time.now, context);
        if rest.is_empty() || matches!(self.state, State::Unread) {
            return Ok(());
        }
        if self.subscriber.parses {
            return self.body(rest, read_time, context);
        }
        self.subscriber.count(rest.len(), read_time.now, &mut context.recorder);
        Ok(())
    }

    /// Does what the class of a new stream says.
    fn apply_class(&mut self, slot: usize, now: Moment, context: &mut Context) {
        match self.subscriber.class {
            Class::Fast if context.recorder.facts.start <= now => self.plan_cut(slot, now, context),
            Class::Fast => {}
            Class::Slow => {
                context.timers.add(now + SLOW_READ_PERIOD, slot, self.epoch, Task::SlowRead);
            }
            Class::Stopped => self.state = State::Unread,
            Class::Vanished => {
                self.state = State::Unread;
                if let Some(socket) = &self.socket
                    && let Err(error) = vanish(&SockRef::from(socket))
                {
                    context.recorder.errored(&format!("cannot vanish: {error}"), now);
                }
            }
        }
    }

    fn body(
        &mut self,
        bytes: &[u8],
        read_time: ReadTime,
        context: &mut Context,
    ) -> Result<(), Ending> {
        let State::Open(body) = &mut self.state else { return Ok(()) };
        self.subscriber.count(bytes.len(), read_time.now, &mut context.recorder);
        let mut rest = bytes;
        while !rest.is_empty() {
            let content =
                body.take(&mut rest).map_err(|error| Ending::Broken(error.to_string()))?;
            if !content.is_empty() {
                let read = self.subscriber.read(content, read_time, &mut context.recorder);
                read.map_err(|error| Ending::Broken(error.to_string()))?;
            }
        }
        if body.is_complete() { Err(Ending::Closed) } else { Ok(()) }
    }

    /// Reads as much as the rate of a slow reader allows.
    pub(super) fn slow_read(&mut self, slot: usize, now: Moment, context: &mut Context) {
        let allowed = context.plan.faults.slow_rate as f64 * SLOW_READ_PERIOD.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive and small"
        )]
        let allowed = (allowed.ceil() as usize).clamp(1, context.buffer.len());
        let Some(socket) = &mut self.socket else { return };
        let result = match socket.read(&mut context.buffer[..allowed]) {
            Ok(0) => Err(self.early_end()),
            Ok(count) => {
                let now = context.clock.now();
                self.take(slot, count, ReadTime { now, known_since: None }, context)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(self.failure(&error)),
        };
        match result {
            Ok(()) => context.timers.add(now + SLOW_READ_PERIOD, slot, self.epoch, Task::SlowRead),
            Err(ending) => self.end(slot, &ending, now, context),
        }
    }
}
