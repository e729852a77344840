//! Publishing from the program that the hub is in, by the rules that hold for publishers from outside.

use std::sync::{Arc, Weak};

use thiserror::Error;

use super::NewEvent;
use crate::event::EventLimits;
use crate::hub::Hub;
use crate::log::AppendError;

/// A hub, until it has ended.
#[derive(Debug)]
pub(super) struct OpenHub {
    pub(super) hub: Hub,
    pub(super) event_limits: EventLimits,
}

/// Publishes from this process; cheap to clone. It needs no token, and no limit of clients holds for it.
#[derive(Clone, Debug)]
pub struct Publisher {
    /// Clones that outlive the hub do not keep its data folder.
    hub: Weak<OpenHub>,
}

/// What an event got that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishReceipt {
    /// Its id: the one that it came with, or the hub's.
    pub id: String,
    /// The same event had been published before, and there is no second one.
    pub is_repeat: bool,
}

/// Why an event was not published, or is not known to be. The text says what to do.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// It is no event, or not one that may be published.
    #[error("{reason}")]
    Refused {
        /// Which field, and what would do.
        reason: String,
    },
    /// An event with other content has its id.
    #[error(
        "an event with other content has this id; use a new id, or leave it out. The same event with the same id may be published again at any time"
    )]
    IdTaken,
    /// One of its topics has ended.
    #[error(
        "the topic `{topic}` has ended, and takes no events until the one that ended it is no longer retained; publish to another topic"
    )]
    TopicEnded {
        /// Which.
        topic: String,
    },
    /// The event log cannot take it now, and has not.
    #[error("the event log cannot accept events now; publish it again in a moment")]
    Unavailable,
    /// The event log may have taken it or not.
    #[error(
        "the event may have been published; with an id of its own it can be published again and is there once"
    )]
    OutcomeUnknown,
    /// The hub has ended, or is about to.
    #[error("the hub in this process has ended; nothing can be published any more")]
    HasEnded,
}

impl Publisher {
    pub(super) fn to(hub: &Arc<OpenHub>) -> Self {
        Self { hub: Arc::downgrade(hub) }
    }

    /// Publishes an event. When this is done, the event is as durable as `sync` or the brokers make it,
    /// and delivery is not far behind.
    ///
    /// Dropping the future does not take back what it has begun.
    ///
    /// # Errors
    /// The event cannot be published, or the log does not take it.
    pub async fn publish(&self, event: NewEvent) -> Result<PublishReceipt, PublishError> {
        let open = self.hub.upgrade().ok_or(PublishError::HasEnded)?;
        let draft = event.check(&open.event_limits);
        let draft = draft.map_err(|error| PublishError::Refused { reason: error.to_string() })?;
        let receipt = open.hub.publish(draft).await?;
        Ok(PublishReceipt { id: receipt.id.to_string(), is_repeat: receipt.is_repeat })
    }
}

impl From<AppendError> for PublishError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::DuplicateId => Self::IdTaken,
            AppendError::TopicEnded { topic } => {
                Self::TopicEnded { topic: topic.as_str().to_owned() }
            }
            AppendError::TooLarge { .. } => Self::Refused { reason: error.to_string() },
            AppendError::Unavailable => Self::Unavailable,
            AppendError::Unknown { .. } => Self::OutcomeUnknown,
        }
    }
}
