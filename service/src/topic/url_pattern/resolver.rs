//! Topics as URLs.

use std::sync::Arc;

use quick_cache::sync::Cache;
use quick_cache::{Weighter, sync};
use url::Url;

use crate::memory::allocated;

/// How many topics there is room for from the start; more makes the table grow.
const ENTRIES: usize = 1_024;

/// A component of a URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum UrlComponent {
    Path,
    Host,
    Query,
    Fragment,
    Scheme,
    Port,
    User,
    Password,
}

/// Resolves topics against the URL of the hub, and keeps those that it resolved last: an event is
/// compared with many patterns. Cheap to clone; clones share what they keep.
#[derive(Clone)]
pub struct TopicResolver {
    base: Arc<Url>,
    resolved: Arc<Cache<Box<str>, Option<Arc<TopicUrl>>, UrlWeight>>,
}

impl TopicResolver {
    /// What the topics that were resolved last may hold in memory, for all threads together.
    pub const BYTES_MAX: usize = 4 << 20;

    /// One for the hub at this URL.
    #[must_use]
    pub fn new(base: Url) -> Self {
        let resolved = sync::Cache::with_weighter(ENTRIES, Self::BYTES_MAX as u64, UrlWeight);
        Self { base: Arc::new(base), resolved: Arc::new(resolved) }
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// What the topics that were resolved last hold in memory.
    pub(in crate::topic) fn bytes(&self) -> usize {
        usize::try_from(self.resolved.weight()).unwrap_or(usize::MAX)
    }

    /// The URL of a topic, if it is a reference to one.
    pub(super) fn resolve(&self, topic: &str) -> Option<Arc<TopicUrl>> {
        if let Some(url) = self.resolved.get(topic) {
            return url;
        }
        // A copy has no more room than its text takes, so that it weighs what it is counted as.
        let url = self.base.join(topic).ok().map(|url| Arc::new(TopicUrl(url.clone())));
        self.resolved.insert(topic.into(), url.clone());
        url
    }
}

impl std::fmt::Debug for TopicResolver {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("TopicResolver").field(&self.base.as_str()).finish()
    }
}

/// The URL of a topic.
#[derive(Debug)]
pub(super) struct TopicUrl(Url);

impl TopicUrl {
    pub(super) fn part(&self, part: UrlComponent) -> &str {
        let url = &self.0;
        match part {
            UrlComponent::Path => url.path(),
            UrlComponent::Host => url.host_str().unwrap_or_default(),
            UrlComponent::Query => url.query().unwrap_or_default(),
            UrlComponent::Fragment => url.fragment().unwrap_or_default(),
            UrlComponent::Scheme => url.scheme(),
            UrlComponent::Port => url::quirks::port(url),
            UrlComponent::User => url.username(),
            UrlComponent::Password => url.password().unwrap_or_default(),
        }
    }
}

/// What an entry holds.
#[derive(Clone)]
struct UrlWeight;

impl Weighter<Box<str>, Option<Arc<TopicUrl>>> for UrlWeight {
    fn weight(&self, topic: &Box<str>, url: &Option<Arc<TopicUrl>>) -> u64 {
        // What its place in the cache takes (measured), and the two counts of an `Arc`.
        const PLACE: usize = 100;
        const COUNTS: usize = 2 * size_of::<usize>();
        let url = url.as_ref().map_or(0, |url| {
            allocated(COUNTS + size_of::<Url>()) + allocated(url.0.as_str().len())
        });
        (PLACE + allocated(topic.len()) + url) as u64
    }
}

impl Default for TopicResolver {
    /// One for a hub that has no name: relative topics and relative patterns meet, and absolute
    /// patterns meet absolute topics.
    fn default() -> Self {
        let base = Url::parse("http://localhost/.well-known/mercure");
        #[expect(clippy::expect_used, reason = "a constant, which tests parse")]
        Self::new(base.expect("a URL"))
    }
}
