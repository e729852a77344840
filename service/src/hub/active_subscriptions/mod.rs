//! Active subscriptions: which streams are open with which selectors, for those who may know.
//!
//! Every beginning and every end of a subscription is announced by a private event on a topic of its
//! own, and what has been announced can be asked for. Observers that ask first and subscribe from the
//! place of the answer miss nothing (`SubscriptionRegistry`).
//!
//! A stream is counted before it begins, against a limit in bytes, and until its end has been
//! announced; so the queue of what is to be announced needs no limit of its own, and nothing in it is
//! left out. Where it is long because streams come and go faster than events are delivered, new
//! streams are refused. A thread that ends a stream only puts the end into the queue: one task
//! publishes, in order.

mod document;
mod registry;
#[cfg(test)]
mod tests;

pub use document::{
    ActiveSubscription, JSON_LD_CONTEXT, NamedSelector, SUBSCRIPTIONS_PATH, subscription_path,
};
pub use registry::{SubscriptionCounts, SubscriptionPage};

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use uuid::Builder;

use super::Hub;
use crate::event::Draft;
use crate::log::AppendError;
use crate::metrics::PublishSource;
use registry::{
    StreamSubscriptions, SubscriptionChange, SubscriptionPageLimit, SubscriptionRegistry,
};

/// What one answer may hold, so that the lock is held for a moment.
const PAGE: SubscriptionPageLimit =
    SubscriptionPageLimit { subscriptions_max: 10_000, bytes_max: 4 << 20 };

/// The most data in the events about the beginning of one stream. A thousand long selectors would
/// make 16 MiB, and a client that comes and goes with those would leave nothing else in the log.
const ANNOUNCED_BYTES_MAX: usize = 1 << 20;

/// How many events are given to the log at a time.
const APPENDED_MAX: usize = 64;

/// How long what waits at the end may still be announced.
const LAST_MOMENT: Duration = Duration::from_secs(1);
/// The pause before what the log did not take is published again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A handle to the active subscriptions; cheap to clone, and small, since each stream has one.
#[derive(Clone, Debug)]
pub struct ActiveSubscriptions {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    hub: Hub,
    registry: SubscriptionRegistry,
    changed: Notify,
}

/// Keeps the subscriptions of a stream active from its beginning until it is dropped. May be dropped
/// on any thread.
#[derive(Debug)]
pub struct SubscriptionsGuard {
    active: ActiveSubscriptions,
    stream: Arc<StreamSubscriptions>,
    has_begun: bool,
}

/// Why a stream cannot be announced.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AnnounceError {
    /// All together take as much memory as they may.
    #[error("the server has as many active subscriptions as it may have; retry later")]
    TooMany,
    /// The events about it would be too large.
    #[error(
        "the selectors of this stream, with what the token says about each, come to more than {max} bytes, which is too much to announce; name fewer or shorter ones in one stream",
        max = ANNOUNCED_BYTES_MAX
    )]
    TooLarge,
}

impl ActiveSubscriptions {
    /// None yet, with a limit in bytes. Nothing is announced before
    /// [`announce`](Self::announce) runs.
    #[must_use]
    pub fn new(hub: Hub, bytes_max: usize) -> Self {
        let registry = SubscriptionRegistry::new(bytes_max);
        Self { shared: Arc::new(Shared { hub, registry, changed: Notify::new() }) }
    }

    /// Counts the subscriptions of a stream that is about to begin. Without selectors there is nothing
    /// to announce.
    ///
    /// # Errors
    /// When there is no room for them.
    pub fn prepare(
        &self,
        selectors: Vec<NamedSelector>,
    ) -> Result<Option<SubscriptionsGuard>, AnnounceError> {
        let Some(stream) = subscriptions_of(selectors)? else { return Ok(None) };
        if !self.shared.registry.reserve(&stream) {
            return Err(AnnounceError::TooMany);
        }
        let stream = Arc::new(stream);
        Ok(Some(SubscriptionsGuard { active: self.clone(), stream, has_begun: false }))
    }

    /// Whether a stream with these selectors can be announced, as far as that depends on them.
    ///
    /// # Errors
    /// When the events about it would be too large.
    pub fn check(selectors: Vec<NamedSelector>) -> Result<(), AnnounceError> {
        subscriptions_of(selectors).map(drop)
    }

    /// Those in one form with a selector, or all of that form, from behind a topic on.
    #[must_use]
    pub fn page(&self, is_legacy: bool, path: &str, after: Option<&str>) -> SubscriptionPage {
        // A selector that is the beginning of another is none of its subscriptions.
        let prefix = format!("{path}/");
        self.shared.registry.read(is_legacy, &prefix, after, PAGE, &**self.shared.hub.log())
    }

    /// The one with this topic, if it is active.
    #[must_use]
    pub fn find(&self, is_legacy: bool, topic: &str) -> SubscriptionPage {
        self.shared.registry.find(is_legacy, topic, &**self.shared.hub.log())
    }

    /// How many there are.
    #[must_use]
    pub fn counts(&self) -> SubscriptionCounts {
        self.shared.registry.counts()
    }

    /// Announces every beginning and end, in order, until `until` is done.
    pub async fn announce(&self, until: impl Future<Output = ()>) {
        let for_ever = async {
            loop {
                self.announce_waiting().await;
                self.shared.changed.notified().await;
            }
        };
        tokio::select! {
            () = for_ever => {}
            () = until => {}
        }
        // What is waiting at that moment, if the log takes it.
        let _ = timeout(LAST_MOMENT, self.announce_waiting()).await;
    }

    async fn announce_waiting(&self) {
        while self.announce_next().await {
            // The log may take everything at once, and the rest of the process has its turn all the same.
            yield_now().await;
        }
    }

    /// Announces one beginning or end, if one is waiting.
    async fn announce_next(&self) -> bool {
        let Some(change) = self.shared.registry.begin_next(&**self.shared.hub.log()) else {
            return false;
        };
        let SubscriptionChange { stream, is_active } = &change;
        for subscriptions in stream.subscriptions().chunks(APPENDED_MAX) {
            let drafts = subscriptions.iter().map(|it| it.draft(*is_active)).collect();
            self.publish(drafts).await;
        }
        self.shared.registry.apply(&change);
        true
    }

    /// Publishes events, again and again until the log takes them: an observer that is not told of an
    /// end believes for ever that somebody is there.
    async fn publish(&self, mut drafts: Vec<Draft>) {
        loop {
            let results =
                self.shared.hub.publish_all(PublishSource::Internal, drafts.clone()).await;
            let mut results = results.iter();
            let is_left = |result: &Result<_, AppendError>| {
                result.as_ref().is_err_and(AppendError::is_temporary)
            };
            // One that may have been published is published again: to be told twice does no harm.
            drafts.retain(|_| results.next().is_none_or(is_left));
            if drafts.is_empty() {
                return;
            }
            sleep(RETRY_PAUSE).await;
        }
    }

    fn push(&self, stream: &Arc<StreamSubscriptions>, is_active: bool) {
        self.shared.registry.push(SubscriptionChange { stream: Arc::clone(stream), is_active });
        self.shared.changed.notify_one();
    }
}

/// The subscriptions of a stream, under an id of its own that nobody else can guess; `None` where there
/// is nothing to announce.
fn subscriptions_of(
    selectors: Vec<NamedSelector>,
) -> Result<Option<StreamSubscriptions>, AnnounceError> {
    let uuid = Builder::from_random_bytes(rand::random()).into_uuid();
    let subscriber = format!("urn:uuid:{uuid}");
    let mut topics = HashSet::new();
    let mut subscriptions = Vec::new();
    for selector in selectors {
        let subscription = ActiveSubscription::new(selector, &subscriber);
        let subscription = subscription.ok_or(AnnounceError::TooLarge)?;
        // The same selector twice is one subscription.
        if topics.insert(subscription.topic().clone()) {
            subscriptions.push(Arc::new(subscription));
        }
    }
    if subscriptions.is_empty() {
        return Ok(None);
    }
    let stream = StreamSubscriptions::new(subscriptions.into());
    if stream.document_bytes() > ANNOUNCED_BYTES_MAX {
        return Err(AnnounceError::TooLarge);
    }
    Ok(Some(stream))
}

impl SubscriptionsGuard {
    /// The stream is open from now on.
    pub fn begin(&mut self) {
        if !self.has_begun {
            self.has_begun = true;
            self.active.push(&self.stream, true);
        }
    }
}

impl Drop for SubscriptionsGuard {
    fn drop(&mut self) {
        if self.has_begun {
            self.active.push(&self.stream, false);
        } else {
            self.active.shared.registry.release(&self.stream);
        }
    }
}
