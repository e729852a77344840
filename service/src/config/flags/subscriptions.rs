//! Active subscriptions: whether others are told of the streams that are open.

use bytesize::ByteSize;
use clap::{ArgAction, Args};

use super::bytes;
use crate::config::values::{KIB, LARGEST, boolean, size};

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Active subscriptions")]
pub(super) struct SubscriptionFlags {
    /// Tell those with a grant for it which streams are open with which selectors, by an event when
    /// one begins or ends and at /.well-known/mercure/subscriptions
    #[arg(long, env = "FANFARE_SUBSCRIPTIONS", value_name = "BOOL", num_args = 0..=1,
          action = ArgAction::Set, value_parser = boolean,
          default_value_t = false, default_missing_value = "true")]
    subscriptions: bool,
    /// The most memory that active subscriptions may take together; streams that need more are
    /// rejected
    #[arg(long, env = "FANFARE_SUBSCRIPTIONS_MAX", value_name = "SIZE",
          value_parser = size(KIB..=LARGEST, "64MiB"), default_value = "64MiB")]
    pub(super) subscriptions_max: ByteSize,
}

impl SubscriptionFlags {
    pub(super) fn bytes_max(&self) -> Option<usize> {
        self.subscriptions.then_some(bytes(self.subscriptions_max))
    }
}
