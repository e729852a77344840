//! What is shown: the newest sample, the rates since the one before, and what the keys have chosen. No
//! terminal and no network: samples and keys go in.

use std::cmp::Reverse;

use super::rates::PerSecond;
use super::status::{StatusSample, StreamStatus};

/// By what the slowest streams are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    LagEvents,
    LagBytes,
    HeldBytes,
    Age,
}

impl Order {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::LagEvents => "lag in events",
            Self::LagBytes => "lag in bytes",
            Self::HeldBytes => "bytes held",
            Self::Age => "age",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::LagEvents => Self::LagBytes,
            Self::LagBytes => Self::HeldBytes,
            Self::HeldBytes => Self::Age,
            Self::Age => Self::LagEvents,
        }
    }

    /// The largest first. Who replays is behind by a number that is not known, which is the most.
    fn rank(self, stream: &StreamStatus) -> Reverse<u64> {
        Reverse(match self {
            Self::LagEvents => stream.lag_events.unwrap_or(u64::MAX),
            Self::LagBytes => stream.lag_bytes.unwrap_or(u64::MAX),
            Self::HeldBytes => stream.held_bytes,
            Self::Age => (stream.age_seconds * 1e3) as u64,
        })
    }
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyCommand {
    Quit,
    Sort,
    Pause,
    Up(usize),
    Down(usize),
    Top,
}

/// What is shown of a server.
#[derive(Clone, Debug)]
pub(super) struct ServerView {
    /// Where it is reached.
    pub(super) admin: String,
    pub(super) sample: StatusSample,
    pub(super) rates: Option<PerSecond>,
    pub(super) order: Order,
    pub(super) paused: bool,
    /// How many of the streams have been scrolled past.
    pub(super) first: usize,
    /// Why the newest sample failed, if it did.
    pub(super) trouble: Option<String>,
    has_ended: bool,
}

impl ServerView {
    pub(super) fn new(admin: String, first: StatusSample) -> Self {
        let mut view = Self {
            admin,
            sample: first,
            rates: None,
            order: Order::default(),
            paused: false,
            first: 0,
            trouble: None,
            has_ended: false,
        };
        view.sort();
        view
    }

    /// Takes a sample in, unless what is shown is to stay.
    pub(super) fn take(&mut self, sample: StatusSample) {
        if self.paused {
            return;
        }
        self.rates = PerSecond::between(&self.sample.server, &sample.server);
        self.sample = sample;
        self.trouble = None;
        self.sort();
        self.scroll(0);
    }

    /// The last sample stays, with the reason why there is no newer one.
    pub(super) fn fail(&mut self, reason: String) {
        if !self.paused {
            self.rates = None;
            self.trouble = Some(reason);
        }
    }

    pub(super) fn press(&mut self, key: KeyCommand) {
        match key {
            KeyCommand::Quit => self.has_ended = true,
            KeyCommand::Pause => self.paused = !self.paused,
            KeyCommand::Sort => {
                self.order = self.order.next();
                self.first = 0;
                self.sort();
            }
            KeyCommand::Up(lines) => self.first = self.first.saturating_sub(lines),
            KeyCommand::Down(lines) => self.scroll(lines),
            KeyCommand::Top => self.first = 0,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    pub(super) fn streams(&self) -> &[StreamStatus] {
        self.sample.streams.as_ref().map_or(&[], |list| &list.streams)
    }

    /// The last stream can be scrolled to and no further.
    fn scroll(&mut self, lines: usize) {
        let last = self.streams().len().saturating_sub(1);
        self.first = (self.first + lines).min(last);
    }

    fn sort(&mut self) {
        let order = self.order;
        if let Ok(list) = &mut self.sample.streams {
            list.streams.sort_by_key(|stream| order.rank(stream));
        }
    }
}
