use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use futures_util::FutureExt as _;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::event::{Draft, DraftFields, EventLimits};
use crate::log::{Position, ReadNow as _};
use crate::topic::{Selector, SelectorSet};

mod append;
/// Ids by publishers.
mod custom_ids;
/// Topics that have ended.
mod ended_topics;
/// Where a client goes on.
mod locate;
/// A model: all events ever, in a list, and the plainest words for what is retained and matches.
mod model;
/// The callbacks of followers.
mod on_append;
mod read;
mod read_back;
/// What is retained and what goes.
mod retention;
/// What rules keep beyond that.
mod rules;

const UNBOUNDED: MemoryLogSettings = MemoryLogSettings {
    events_max: usize::MAX,
    bytes_max: usize::MAX,
    age_max: Duration::from_millis(u64::MAX),
};
const ALL: PageLimit = PageLimit { events_max: usize::MAX, bytes_max: usize::MAX };

/// A log with a clock that stands still until it is moved.
struct Stage {
    log: MemoryLog,
    now_ms: Arc<AtomicU64>,
}

fn stage(settings: MemoryLogSettings) -> Stage {
    let now_ms = Arc::new(AtomicU64::new(1_000));
    let hand = Arc::clone(&now_ms);
    let clock = Clock::from_fn(move || hand.load(Ordering::Relaxed));
    Stage { log: MemoryLog::new(settings, clock), now_ms }
}

impl Stage {
    fn set_clock(&self, ms: u64) {
        self.now_ms.store(ms, Ordering::Relaxed);
    }

    /// Appends one event a topic, and says which sequences they got.
    fn append(&self, topics: &[&str]) -> Vec<u64> {
        let drafts = topics.iter().map(|topic| draft(&[topic], None, "d")).collect();
        append(&self.log, drafts).into_iter().map(|result| result.unwrap().sequence.0).collect()
    }

    fn append_with_id(&self, id: &str) -> Result<u64, AppendError> {
        let mut results = append(&self.log, vec![draft(&["t"], Some(id), "d")]);
        results.pop().unwrap().map(|receipt| receipt.sequence.0)
    }

    fn retained(&self) -> Vec<u64> {
        sequences(&self.log.read_now(range(0, u64::MAX), EventFilter::Everything, ALL))
    }

    fn id_of(&self, sequence: u64) -> String {
        let page = self.log.read_now(range(sequence - 1, sequence), EventFilter::Everything, ALL);
        page.events[0].id().to_owned()
    }

    fn epoch(&self) -> Epoch {
        self.log.bounds().epoch
    }

    fn locate(&self, id: &str) -> Position {
        self.log.locate(id).now_or_never().expect("a log in memory finds at once")
    }

    fn topics_indexed(&self) -> usize {
        self.log.lock().topics()
    }
}

fn draft(topics: &[&str], id: Option<&str>, data: &str) -> Draft {
    let topics = topics.iter().map(|&topic| topic.into()).collect();
    let fields =
        DraftFields { topics, id: id.map(Into::into), data: data.into(), ..DraftFields::default() };
    fields.check(&EventLimits::default()).unwrap()
}

fn append(log: &MemoryLog, drafts: Vec<Draft>) -> Vec<Result<Receipt, AppendError>> {
    let events = drafts.into_iter().map(EncodedEvent::encode).collect();
    log.append(events).now_or_never().expect("an append in memory is done at once")
}

fn range(after: u64, through: u64) -> ReadRange {
    ReadRange { after: Sequence(after), through: Sequence(through) }
}

fn sequences(page: &Page) -> Vec<u64> {
    page.events.iter().map(|event| event.sequence().0).collect()
}

/// Where a selector is no exact topic, a log gives candidates.
fn matching<'a>(events: impl Iterator<Item = &'a Arc<Event>>, set: &SelectorSet) -> Vec<u64> {
    let matches = |event: &&Arc<Event>| set.matches_any(event.topics().iter().map(Topic::as_str));
    events.filter(matches).map(|event| event.sequence().0).collect()
}

fn set(selectors: &[&str]) -> SelectorSet {
    SelectorSet::new(selectors.iter().map(|text| Selector::parse(text).unwrap())).unwrap()
}
