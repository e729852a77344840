//! The values of labels: enums, so that each series exists from the start as 0 and none is unbounded.

/// Why an event was not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishRejection {
    /// The request could not be read as events.
    Invalid,
    /// The grants do not cover it.
    Forbidden,
    /// The id is in the log already.
    DuplicateId,
    /// The log could not take it.
    Unavailable,
}

impl PublishRejection {
    pub(super) const ALL: [Self; 4] =
        [Self::Invalid, Self::Forbidden, Self::DuplicateId, Self::Unavailable];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Forbidden => "forbidden",
            Self::DuplicateId => "duplicate_id",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Why a connection was not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// All connections are taken.
    Limit,
    /// Its address has as many as one may have.
    AddressLimit,
    /// It did not send a head in time.
    HeadTimeout,
}

impl Refusal {
    pub(super) const ALL: [Self; 3] = [Self::Limit, Self::AddressLimit, Self::HeadTimeout];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::AddressLimit => "address_limit",
            Self::HeadTimeout => "head_timeout",
        }
    }
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The client went away.
    Client,
    /// It fell further behind than the limit allows.
    Slow,
    /// It was so far behind that the log no longer had what came next.
    LogPassed,
    /// It reached the maximum age.
    Age,
    /// The topic ended.
    Finished,
    /// The server is stopping.
    Drain,
    /// The client sent bytes on a stream, where none belong.
    Misbehaved,
    /// The system could not serve the connection.
    Failed,
}

impl EndReason {
    /// All of them, so that every one is exported from the start.
    pub const ALL: [Self; 8] = [
        Self::Client,
        Self::Slow,
        Self::LogPassed,
        Self::Age,
        Self::Finished,
        Self::Drain,
        Self::Misbehaved,
        Self::Failed,
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Slow => "slow",
            Self::LogPassed => "log_passed",
            Self::Age => "max_age",
            Self::Finished => "finished",
            Self::Drain => "drain",
            Self::Misbehaved => "misbehaved",
            Self::Failed => "failed",
        }
    }
}

/// Why events were left out for a subscriber that was too far behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// They were the oldest.
    DropOldest,
    /// There were newer ones of their topics.
    Conflate,
}

impl Skip {
    pub(super) const ALL: [Self; 2] = [Self::DropOldest, Self::Conflate];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::DropOldest => "drop-oldest",
            Self::Conflate => "conflate",
        }
    }
}
