//! The end of a stream or of an attempt: what it is called, what is recorded, and whether there is
//! another attempt.

use std::io;

use rand::RngExt as _;

use super::{State, Stream};
use crate::clock::Moment;
use crate::http1::Body;
use crate::plan::{Class, Reconnect};
use crate::readers::backoff::Delay;
use crate::readers::connect::{NO_CONTENT, kind_of};
use crate::readers::epoll::Context;
use crate::readers::epoll::timers::Task;

/// Why a stream ended.
pub(super) enum Ending {
    /// The server closed it in order.
    Closed,
    /// It failed, by the name of the error.
    Failed(String),
    /// It sent what is no stream.
    Broken(String),
    /// No stream was opened, by the name of the reason.
    Refused(String),
    /// An injected fault disconnected it.
    Cut,
}

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
            self.subscriber.closed(now, &mut context.recorder);
        } else if !matches!(self.state, State::Disconnected { .. }) {
            context.handshakes -= 1;
        }
        self.socket = None;
        self.epoch = self.epoch.wrapping_add(1);
        let class = self.subscriber.class;
        if was_open && class != Class::Fast {
            let start = context.recorder.facts.start;
            let tally = context.recorder.class(class);
            tally.closed += 1;
            tally.until_closed.record(now.since(start));
        }
        self.record_ending(ending, class, now, context);
        let is_final = self.gives_up(ending, class, context);
        self.state = State::Disconnected { is_final };
        if is_final {
            if !self.subscriber.is_reconnecting() {
                context.recorder.counts.gave_up += 1;
            }
            return;
        }
        let retry = self.subscriber.retry();
        let chance = context.random.random();
        let wait = Delay::of(&context.plan.faults, retry, chance, self.began.until(now));
        context.recorder.counts.lengthened += u64::from(wait.is_lengthened);
        context.timers.add(now + wait.time, slot, self.epoch, Task::Connect);
    }

    fn record_ending(&self, ending: &Ending, class: Class, now: Moment, context: &mut Context) {
        match ending {
            Ending::Refused(kind) => context.recorder.failed(kind, now),
            Ending::Broken(what) => {
                context.recorder.counts.broken_streams += 1;
                let what = what.clone();
                context.recorder.record_finding("broken stream", self.subscriber.number, || what);
            }
            Ending::Closed if self.subscriber.was_end_announced() => {
                context.recorder.counts.ended += 1;
            }
            Ending::Closed if class == Class::Fast => {
                context.recorder.counts.closed_by_server += 1;
                if let Some(second) = context.recorder.second(now) {
                    second.errors += 1;
                }
            }
            Ending::Failed(kind) if class == Class::Fast => context.recorder.errored(kind, now),
            Ending::Closed | Ending::Failed(_) | Ending::Cut => {}
        }
    }

    /// Whether there is no further attempt.
    fn gives_up(&self, ending: &Ending, class: Class, context: &Context) -> bool {
        let gives_up =
            !self.subscriber.is_reconnecting() && self.attempts >= context.plan.ramp.attempts;
        let never =
            self.subscriber.is_reconnecting() && context.plan.faults.reconnect == Reconnect::Never;
        let refused_for_good = matches!(ending, Ending::Refused(kind) if kind == NO_CONTENT);
        let dead =
            matches!(class, Class::Stopped | Class::Vanished) && self.subscriber.is_reconnecting();
        gives_up || never || refused_for_good || dead
    }
}
