//! The end of a stream or of an attempt: what it is called, what is booked, and whether there is
//! another attempt.

use std::io;

use rand::RngExt as _;

use super::{State, Stream};
use crate::clock::Moment;
use crate::crew::connect::{FAREWELL, kind_of};
use crate::crew::pace::Wait;
use crate::crew::timers::Task;
use crate::crew::worker::Tools;
use crate::http1::Body;
use crate::plan::{Class, Reconnect};

/// Why a stream ended.
pub(super) enum Ending {
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
            State::Open(Body::UntilClose) | State::Frozen => Ending::Closed,
            State::Open(_) if !self.subscriber.parses => Ending::Closed,
            State::Open(_) => Ending::Failed("ended within the body".to_owned()),
            _ => Ending::Refused("closed before an answer".to_owned()),
        }
    }

    /// The stream, or the attempt, is over. Plans what follows.
    pub(super) fn end(&mut self, slot: usize, ending: &Ending, now: Moment, tools: &mut Tools) {
        let was_open = self.is_open();
        if was_open {
            tools.open -= 1;
            self.subscriber.closed(now, &mut tools.ledger);
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
        let retry = self.subscriber.retry();
        let chance = tools.random.random();
        let wait = Wait::of(&tools.plan.trouble, retry, chance, self.began.until(now));
        tools.ledger.counts.lengthened += u64::from(wait.is_lengthened);
        tools.timers.add(now + wait.time, slot, self.epoch, Task::Connect);
    }

    fn account(&self, ending: &Ending, class: Class, now: Moment, tools: &mut Tools) {
        match ending {
            Ending::Refused(kind) => tools.ledger.failed(kind, now),
            Ending::Broken(what) => {
                tools.ledger.counts.broken_streams += 1;
                let what = what.clone();
                tools.ledger.find("broken stream", self.subscriber.number, || what);
            }
            Ending::Closed if self.subscriber.was_told_of_the_end() => {
                tools.ledger.counts.ended += 1;
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
        let told = matches!(ending, Ending::Refused(kind) if kind == FAREWELL);
        let dead =
            matches!(class, Class::Stopped | Class::Vanished) && self.subscriber.comes_back();
        gives_up || never || told || dead
    }
}
