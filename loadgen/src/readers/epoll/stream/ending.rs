//! The end of a stream or of an attempt: what it was, and the next attempt.

use std::io;

use super::{State, Stream};
use crate::clock::Moment;
use crate::http1::Body;
use crate::readers::connect::kind_of;
use crate::readers::epoll::Context;
use crate::readers::epoll::timers::Task;
use crate::readers::session::{Ending, next_attempt, record_end};

impl Stream {
    pub(super) fn failure(&self, error: &io::Error) -> Ending {
        if self.is_open() {
            Ending::Failed(kind_of(error))
        } else {
            Ending::Refused(kind_of(error))
        }
    }

    /// The connection ended: a stream that is chunked or has a length was not complete.
    pub(super) fn early_end(&self) -> Ending {
        match &self.state {
            State::Open(Body::UntilClose) | State::Unread => Ending::Closed,
            State::Open(_) if !self.subscriber.parses => Ending::Closed,
            State::Open(_) => Ending::Failed("ended within the body".to_owned()),
            _ => Ending::Refused("closed before an answer".to_owned()),
        }
    }

    /// The stream, or the attempt, is over. Plans what follows.
    pub(super) fn end(&mut self, slot: usize, ending: &Ending, now: Moment, context: &mut Context) {
        let was_open = self.is_open();
        if was_open {
            context.open -= 1;
        } else if !matches!(self.state, State::Disconnected { .. }) {
            context.handshakes -= 1;
        }
        self.socket = None;
        self.epoch = self.epoch.wrapping_add(1);
        let Context { plan, recorder, random, timers, .. } = context;
        if plan.failover {
            self.place = (self.place + 1) % plan.targets.len();
        }
        record_end(&mut self.subscriber, ending, was_open, now, recorder);
        let began_ago = self.began.until(now);
        let delay = next_attempt(
            plan,
            &self.subscriber,
            self.attempts,
            ending,
            began_ago,
            random,
            recorder,
        );
        self.state = State::Disconnected { is_final: delay.is_none() };
        if let Some(delay) = delay {
            timers.add(now + delay, slot, self.epoch, Task::Connect);
        }
    }
}
