//! What a token says about the subscriptions of its holder.

use std::sync::Arc;

use tokio::task::yield_now;

use crate::topic::{MatchProgress, SelectorSet, Topic};

/// Steps of matching before other requests have their turn: some tenths of a millisecond.
pub(super) const MATCH_STEPS: usize = 256 << 10;

/// The payloads of a token, in its order. The first that a selector belongs to decides, also when it
/// is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Payloads {
    /// Each with the topics that it belongs to; `None` for every subscription.
    pub(super) parts: Vec<(Option<SelectorSet>, Option<Arc<str>>)>,
}

impl Payloads {
    /// The payload of a subscription, whose selector is taken as a topic for this (1.0 of the
    /// protocol, "Payload"). `steps` are those that are left before others have their turn.
    pub(super) async fn of(&self, selector: &Topic, steps: &mut usize) -> Option<Arc<str>> {
        for (topics, payload) in &self.parts {
            let belongs = match topics {
                None => true,
                Some(topics) => covers(topics, selector, steps).await,
            };
            if belongs {
                return payload.clone();
            }
        }
        None
    }
}

/// Whether selectors match a topic. Many patterns take long, so that other requests have their turn
/// whenever no steps are left.
pub(super) async fn covers(selectors: &SelectorSet, topic: &Topic, steps: &mut usize) -> bool {
    let mut progress = MatchProgress::default();
    loop {
        match selectors.match_within(std::slice::from_ref(topic), &mut progress, steps) {
            Some(matched) => return matched,
            None => {
                yield_now().await;
                *steps = MATCH_STEPS;
            }
        }
    }
}
