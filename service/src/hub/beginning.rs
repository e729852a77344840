//! Where a stream begins whose client brings no id, or one that is not found.

use std::num::NonZeroUsize;

use thiserror::Error;

use super::partial_replay::PartialReplay;
use crate::event::HubId;

/// Where a stream begins whose client brings no id, or one that is not found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Beginning {
    /// With what comes next; behind an id that is not found, with all that is retained.
    #[default]
    Next,
    /// With all that is retained.
    Everything,
    /// With what was accepted at this time or later, in milliseconds since 1970 (UTC).
    Since(u64),
    /// With the newest events of each topic.
    Newest {
        /// How many of each topic.
        count: NonZeroUsize,
        /// But none that was accepted before this time, in milliseconds since 1970 (UTC).
        since_ms: Option<u64>,
    },
}

/// What a stream is sent first that is not simply served from its cursor on.
#[derive(Debug)]
pub struct InitialReplay {
    /// The head as the stream began, which is its place when it has had everything up to there.
    pub head: HubId,
    /// The events up to there that it gets; all of them if there is no list.
    pub list: Option<PartialReplay>,
    /// The stream ends there.
    pub ends: bool,
}

/// Why a stream cannot begin.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SubscribeError {
    #[error("the lists of the events that streams begin with take all the memory they may")]
    NoRoom,
}
